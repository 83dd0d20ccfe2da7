"""A head that concatenates branches: learned, kernel regression and frozen features."""

from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.heads.base import ROWS, Head
from keyart.models.heads.kernel import KernelHead
from keyart.models.heads.projection import Projection
from keyart.models.heads.registry import build_head_from_description
from keyart.utils.former import rename_modules


class CombinedHead(Head):
    """A weighted concatenation of a trained head, a kernel regression and frozen features.

    Each branch is normalised and has weight 1, k or b. The cosine of two posters is therefore
    (cos_learned + k² cos_kernel + b² cos_frozen) / (1 + k² + b²). The loss receives only the learned branch.

    With ``confidence`` c > 0, the kernel branch f of a poster has length |f|^c, at most 1, times k. The frozen features
    get the rest: their squared length is b² + k² (1 − |f|^2c), so that the total length does not change. A poster with
    clear genres is then near posters of these genres; one with unclear genres is near posters that look like it. With
    c = 1 (and the kernel's full mean), the product of two kernel branches is the expected relevance, the ideal ranking
    score. Normalising would discard the certainty of the prediction. A learned head with a ``confidence`` of its own
    (`MetricMapsHead`) keeps the lengths of its vectors v likewise, and leaves 1 − |v|² to the frozen features.

    Args:
        feature_dim: Columns of the features.
        learned: The head that is trained.
        projection: Maps the features to the input of the learned head and the kernel; None for the identity.
        kernel: Closed-form branch; None for none.
        kernel_weight: k, the weight of the kernel branch.
        frozen_features: Maps the features to the frozen-features branch; None for no such branch.
        balance: b, the weight of the frozen-features branch.
        confidence: c, from 0 to 1; above 0 it needs a kernel and ``frozen_features``.

    Raises:
        InputError: A weight is negative, or ``confidence`` is out of range or lacks the branches that it needs.
        ValueError: The widths of the modules do not match.
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
        frozen_features: Projection | None = None,
        balance: float = 1.0,
        confidence: float = 0.0,
    ) -> None:
        for key, value in (("kernel.weight", kernel_weight), ("frozen_features.balance", balance)):
            if value < 0:
                raise InputError(f"model.{key}={value}: must be 0 or more")
        if not 0 <= confidence <= 1:
            raise InputError(f"model.kernel.confidence={confidence}: must be from 0 to 1")
        if confidence > 0 and (kernel is None or frozen_features is None):
            raise InputError(
                f"model.kernel.confidence={confidence}: what a short kernel part leaves goes to the frozen features;"
                " set model.kernel.weight and model.frozen_features.components, or leave it 0"
            )
        if learned.confidence > 0 and frozen_features is None:
            raise InputError(
                f"model.confidence={learned.confidence}: what short vectors leave goes to frozen features;"
                " add them, or set it to 0"
            )
        width = projection.components if projection else feature_dim
        if any(part.feature_dim != width for part in (learned, kernel) if part is not None):
            raise ValueError(f"the parts must take {width} columns")
        sizes = [
            learned.embedding_size,
            kernel.embedding_size if kernel else 0,
            frozen_features.components if frozen_features else 0,
        ]
        super().__init__(feature_dim, sum(sizes))
        self.learned, self.projection, self.kernel, self.frozen_features = learned, projection, kernel, frozen_features
        self.kernel_weight, self.balance, self.confidence = kernel_weight, balance, confidence

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "CombinedHead":
        """Rebuild the head and its branches; see `Head`."""
        for name in ("projection", "frozen_features"):
            description[name] = Projection(**description[name]) if description[name] else None
        description["kernel"] = build_head_from_description(description["kernel"]) if description["kernel"] else None
        return cls(
            description.pop("feature_dim"), build_head_from_description(description.pop("learned")), **description
        )

    @property
    def transformed_dim(self) -> int:
        """Return the number of columns for the learned branch plus those of the other branches."""
        return sum(self._transformed_sizes)

    @property
    def _transformed_sizes(self) -> list[int]:
        fixed = list(self.branch_sizes.values())[1:]
        return [self.learned.transformed_dim, *fixed]

    def transform(self, features: Tensor) -> Tensor:
        """Compute the input of the learned branch, and the other branches, side by side; see `Head`."""
        shown = self.projection(features) if self.projection else features
        parts = [self.learned.transform(shown)]
        if self.kernel is not None:
            parts.append(self.kernel(shown))
        if self.frozen_features is not None:
            parts.append(self.frozen_features(features))
        return torch.cat(parts, dim=1)

    @property
    def branch_columns(self) -> dict[str, slice]:
        """Return the columns of the existing branches among ``learned``, ``closed_form``, ``frozen``; see `Head`."""
        parts = {"learned": self.learned, "closed_form": self.kernel}
        sizes = {name: part.embedding_size for name, part in parts.items() if part is not None}
        if self.frozen_features is not None:
            sizes["frozen"] = self.frozen_features.components
        ends = list(accumulate(sizes.values()))
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @property
    def branch_size(self) -> int:
        """Return the width of each vector of `branches`."""
        return self.learned.branch_size

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return the vectors of the learned branch; the loss never receives the other branches."""
        return self.learned.branches(transformed[:, : self.learned.transformed_dim])

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the weighted branches side by side; see `Head`."""
        parts = dict(zip(self.branch_columns, transformed.split(self._transformed_sizes, dim=1), strict=True))
        learned = self.learned(parts["learned"])
        if self.learned.confidence > 0:
            left = (1 - learned.square().sum(dim=1, keepdim=True)).clamp(min=0)
        else:
            learned, left = nn.functional.normalize(learned, dim=1), learned.new_zeros(())
        vectors = [learned]
        if self.kernel is not None:
            found = parts["closed_form"]
            length = found.norm(dim=1, keepdim=True).clamp(max=1) ** self.confidence
            vectors.append(self.kernel_weight * length * nn.functional.normalize(found, dim=1))
            left = left + self.kernel_weight**2 * (1 - length**2)
        if self.frozen_features is not None:
            frozen_features = nn.functional.normalize(parts["frozen"], dim=1)
            vectors.append((self.balance**2 + left).sqrt() * frozen_features)
        return torch.cat(vectors, dim=1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        rename_modules(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the projections, the learned branch and the kernel; see `Head`."""
        if self.frozen_features is not None:
            self.frozen_features.fit(features)
        shown = features
        if self.projection is not None:
            self.projection.fit(features)
            shown = torch.cat([self.projection(rows) for rows in _batches(features)])
        self.learned.fit(shown, genres)
        if self.kernel is not None:
            self.kernel.fit(shown, genres)

    def fitted_from(self) -> dict[str, Any]:
        """Return the settings that determine the fit; the weights of the branches are not among them; see `Head`."""
        parts = {"projection": self.projection, "frozen_features": self.frozen_features}
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "learned": self.learned.fitted_from(),
            "kernel": self.kernel.fitted_from() if self.kernel else None,
            **{name: part.describe() if part else None for name, part in parts.items()},
        }

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "learned": self.learned.describe(),
            "projection": self.projection.describe() if self.projection else None,
            "kernel": self.kernel.describe() if self.kernel else None,
            "kernel_weight": self.kernel_weight,
            "frozen_features": self.frozen_features.describe() if self.frozen_features else None,
            "balance": self.balance,
            "confidence": self.confidence,
        }


def _batches(features: Tensor | np.ndarray) -> list[Tensor]:
    starts = range(0, len(features), ROWS)
    return [torch.as_tensor(np.asarray(features[start : start + ROWS])).float() for start in starts]
