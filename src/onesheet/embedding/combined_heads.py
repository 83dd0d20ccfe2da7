"""Heads made of heads: ensembles, and what was learned beside what was seen."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from onesheet.embedding.heads import Head, LinearHead, MLPHead, Standardise
from onesheet.errors import InputError


class HeadEnsemble(Head):
    """Several heads on the same features, each with its own initialisation and dropout, and each trained by itself.

    Every head's vector is normalised; then they are concatenated, so that the cosine of two ensembles is the mean of
    the heads' cosines, or averaged, which keeps their width but asks for heads that share a space.

    Args:
        heads: At least one, of equal sizes.
        combine: ``concatenate`` or ``average``.

    Raises:
        ValueError: When the heads differ in size.
        InputError: When ``combine`` is unknown.
    """

    kind: ClassVar[str] = "ensemble"

    def __init__(self, heads: Sequence[Head], combine: str = "concatenate") -> None:
        sizes = {(head.feature_dim, head.part_size) for head in heads}
        if len(sizes) != 1:
            raise ValueError(f"an ensemble's heads must be of equal sizes, not {sorted(sizes)}")
        if combine not in ("concatenate", "average"):
            raise InputError(f"model.combine={combine}: unknown; choose one of concatenate, average")
        feature_dim, width = sizes.pop()
        super().__init__(feature_dim, width * len(heads) if combine == "concatenate" else width)
        self.combine = combine
        self.heads = nn.ModuleList(heads)

    @property
    def part_size(self) -> int:
        """Width of one head's vector."""
        return int(self.heads[0].part_size)  # type: ignore[arg-type]

    def parts(self, features: Tensor) -> tuple[Tensor, ...]:
        """Each head's vector: the loss trains every head by itself."""
        return tuple(head(features) for head in self.heads)

    def forward(self, features: Tensor) -> Tensor:
        """See `Head`."""
        units = [nn.functional.normalize(part, dim=1) for part in self.parts(features)]
        if self.combine == "average":
            return torch.stack(units).mean(dim=0)
        return torch.cat(units, dim=1) / len(units) ** 0.5

    def fit(self, features: Tensor | np.ndarray) -> None:
        """See `Head`."""
        for head in self.heads:
            head.fit(features)  # type: ignore[operator]

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        heads = [head.describe() for head in self.heads]  # type: ignore[operator]
        return {"kind": self.kind, "heads": heads, "combine": self.combine}


class TwoPart(Head):
    """What genres taught beside what the backbone saw: learned head ⊕ balance × centred frozen features.

    Both parts are normalised before the second is multiplied by the balance b, so the cosine of two posters is
    (cos_learned + b² cos_frozen) / (1 + b²). Only the learned part is trained.

    Args:
        learned: The head that is trained.
        balance: Weight b of the second part, 0 or more.
        columns: How many of the first features make the second part; None for all.
        standardise: Whether to divide the centred features by their standard deviations, which features of several
            depths need to be comparable.

    Raises:
        InputError: When ``balance`` is negative.
    """

    kind: ClassVar[str] = "two_part"

    def __init__(
        self, learned: Head, balance: float = 0.8, columns: int | None = None, standardise: bool = False
    ) -> None:
        if balance < 0:
            raise InputError(f"model.balance={balance}: must be 0 or more")
        columns = learned.feature_dim if columns is None else columns
        super().__init__(learned.feature_dim, learned.embedding_size + columns)
        self.balance, self.columns, self.scaled = balance, columns, standardise
        self.learned = learned
        self.standardise = Standardise(columns)

    @property
    def part_size(self) -> int:
        """Width of the learned part's parts."""
        return self.learned.part_size

    def parts(self, features: Tensor) -> tuple[Tensor, ...]:
        """The learned part alone: the loss never sees the other."""
        return self.learned.parts(features)

    def forward(self, features: Tensor) -> Tensor:
        """See `Head`."""
        learned = nn.functional.normalize(self.learned(features), dim=1)
        seen = nn.functional.normalize(self.standardise(features[:, : self.columns]), dim=1)
        return torch.cat([learned, self.balance * seen], dim=1)

    def fit(self, features: Tensor | np.ndarray) -> None:
        """See `Head`."""
        self.learned.fit(features)
        self.standardise.fit(features[:, : self.columns])
        if not self.scaled:
            self.standardise.std.fill_(1.0)

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        return {
            "kind": self.kind,
            "learned": self.learned.describe(),
            "balance": self.balance,
            "columns": self.columns,
            "standardise": self.scaled,
        }


def head_from(description: dict[str, Any]) -> Head:
    """Make a head again from what its `Head.describe` told.

    Raises:
        InputError: For a kind that this version does not know.
    """
    told = dict(description)
    kind = told.pop("kind", None)
    if kind == LinearHead.kind:
        return LinearHead(**told)
    if kind == MLPHead.kind:
        return MLPHead(**told)
    if kind == HeadEnsemble.kind:
        return HeadEnsemble([head_from(head) for head in told["heads"]], told["combine"])
    if kind == TwoPart.kind:
        return TwoPart(head_from(told.pop("learned")), **told)
    raise InputError(f"embedder: unknown kind of head {kind!r}; it was saved by another version of onesheet")
