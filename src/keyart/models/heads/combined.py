"""What was learned from genres beside what the backbone saw, in one vector."""

from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.heads.base import ROWS, Head
from keyart.models.heads.kernel import KernelHead
from keyart.models.heads.projection import Projection


class CombinedHead(Head):
    """A trained head ⊕ a kernel regression ⊕ frozen features, weighed.

    With weights 1, k and b, and every part normalised, the cosine of two posters is
    (cos_learned + k² cos_kernel + b² cos_seen) / (1 + k² + b²). The loss only sees the learned part.

    With ``confidence`` c > 0, the kernel's part f of a poster has length |f|^c, at most 1, and the frozen features have
    the rest: they are k √(1 − |f|^2c) longer than b, in squares, so that the whole is as long as before. A poster that
    shows its genres plainly is then near posters of these genres, and one that does not near those that look like it.
    With c = 1 (and the kernel's whole mean) the product of two kernel parts is the expected relevance, which is what a
    ranking should be by; normalising throws away how sure it is.

    Args:
        feature_dim: Columns of the features.
        learned: The head that is trained.
        projection: What the learned head and the kernel see of the features; None for the features themselves.
        kernel: Closed-form part; None for none.
        kernel_weight: k.
        seen: What is kept of the frozen features; None for nothing.
        balance: b.
        confidence: c, from 0 to 1; above 0 it needs a kernel and ``seen``.

    Raises:
        InputError: A weight is negative, or ``confidence`` out of range or without the parts that it needs.
        ValueError: The parts disagree about widths.
    """

    kind: ClassVar[str] = "combined"

    def __init__(
        self,
        feature_dim: int,
        learned: Head,
        *,
        projection: Projection | None = None,
        kernel: KernelHead | None = None,
        kernel_weight: float = 1.0,
        seen: Projection | None = None,
        balance: float = 1.0,
        confidence: float = 0.0,
    ) -> None:
        for key, value in (("kernel.weight", kernel_weight), ("seen.balance", balance)):
            if value < 0:
                raise InputError(f"model.{key}={value}: must be 0 or more")
        if not 0 <= confidence <= 1:
            raise InputError(f"model.kernel.confidence={confidence}: must be from 0 to 1")
        if confidence > 0 and (kernel is None or seen is None):
            raise InputError(
                f"model.kernel.confidence={confidence}: what a short kernel part leaves goes to the frozen features;"
                " set model.kernel.weight and model.seen.components, or leave it 0"
            )
        width = projection.components if projection else feature_dim
        if any(part.feature_dim != width for part in (learned, kernel) if part is not None):
            raise ValueError(f"the parts must take {width} columns")
        sizes = [learned.embedding_size, kernel.embedding_size if kernel else 0, seen.components if seen else 0]
        super().__init__(feature_dim, sum(sizes))
        self.learned, self.projection, self.kernel, self.seen = learned, projection, kernel, seen
        self.kernel_weight, self.balance, self.confidence = kernel_weight, balance, confidence
        self._width = width
        if (projection or seen) and self.condensed_dim == feature_dim:
            # Embedders tell features from condensed ones by their width.
            raise InputError(
                f"model.components={width}: with what is kept of the frozen features this makes {feature_dim} numbers,"
                " as many as the features are; give one more or less"
            )

    @property
    def condensed_dim(self) -> int:
        """Columns that the learned part sees, and those that are kept as they were seen."""
        return self._width + (self.seen.components if self.seen else 0)

    def condense(self, features: Tensor) -> Tensor:
        """See `Head`."""
        shown = self.projection(features) if self.projection else features
        return torch.cat([shown, self.seen(features)], dim=1) if self.seen else shown

    @property
    def branch_columns(self) -> dict[str, slice]:
        """See `Head`: ``learned``, ``closed_form`` and ``frozen``, those of them that the head has."""
        parts = {"learned": self.learned, "closed_form": self.kernel}
        sizes = {name: part.embedding_size for name, part in parts.items() if part is not None}
        if self.seen is not None:
            sizes["frozen"] = self.seen.components
        ends = list(accumulate(sizes.values()))
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def part_size(self) -> int:
        """Width of the learned part's parts."""
        return self.learned.part_size

    def parts(self, condensed: Tensor) -> tuple[Tensor, ...]:
        """The learned part alone: the loss never sees the others."""
        return self.learned.parts(condensed[:, : self._width])

    def forward(self, condensed: Tensor) -> Tensor:
        """See `Head`."""
        shown = condensed[:, : self._width]
        vectors = [nn.functional.normalize(self.learned(shown), dim=1)]
        left = shown.new_zeros(())
        if self.kernel is not None:
            found = self.kernel(shown)
            length = found.norm(dim=1, keepdim=True).clamp(max=1) ** self.confidence
            vectors.append(self.kernel_weight * length * nn.functional.normalize(found, dim=1))
            left = self.kernel_weight**2 * (1 - length**2)
        if self.seen is not None:
            seen = nn.functional.normalize(condensed[:, self._width :], dim=1)
            vectors.append((self.balance**2 + left).sqrt() * seen)
        return torch.cat(vectors, dim=1)

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """See `Head`."""
        if self.seen is not None:
            self.seen.fit(features)
        shown = features
        if self.projection is not None:
            self.projection.fit(features)
            shown = torch.cat([self.projection(rows) for rows in _batches(features)])
        self.learned.fit(shown, genres)
        if self.kernel is not None:
            self.kernel.fit(shown, genres)

    def fitted_from(self) -> dict[str, Any]:
        """See `Head`: how the parts are weighed changes nothing in them."""
        parts = {"projection": self.projection, "seen": self.seen}
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "learned": self.learned.fitted_from(),
            "kernel": self.kernel.fitted_from() if self.kernel else None,
            **{name: part.describe() if part else None for name, part in parts.items()},
        }

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "learned": self.learned.describe(),
            "projection": self.projection.describe() if self.projection else None,
            "kernel": self.kernel.describe() if self.kernel else None,
            "kernel_weight": self.kernel_weight,
            "seen": self.seen.describe() if self.seen else None,
            "balance": self.balance,
            "confidence": self.confidence,
        }


def _batches(features: Tensor | np.ndarray) -> list[Tensor]:
    starts = range(0, len(features), ROWS)
    return [torch.as_tensor(np.asarray(features[start : start + ROWS])).float() for start in starts]
