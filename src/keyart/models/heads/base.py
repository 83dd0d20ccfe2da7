"""What heads share: one interface, and how they read training features."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError

ROWS = 4096


class Head(nn.Module, ABC):
    """What turns features (N, `feature_dim`) into vectors (N, `embedding_size`), not normalised.

    It works in two steps, `condense` and `forward`. The first never changes in training: features of the frozen
    backbone are condensed once, and the trained part learns from the result.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
    """

    kind: ClassVar[str]

    def __init__(self, feature_dim: int, embedding_size: int) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.embedding_size = embedding_size

    @property
    def condensed_dim(self) -> int:
        """Columns of condensed features; `feature_dim` only where condensing changes nothing."""
        return self.feature_dim

    def condense(self, features: Tensor) -> Tensor:
        """(N, `feature_dim`) float32 to (N, `condensed_dim`): what of the head is fixed; usually the identity."""
        return features

    @abstractmethod
    def forward(self, condensed: Tensor) -> Tensor:
        """(N, `condensed_dim`) float32 to (N, `embedding_size`)."""

    @abstractmethod
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Take from training posters what is not learned step by step.

        Args:
            features: (N, `feature_dim`); may be mapped from disk.
            genres: (N, G) multi-hot; only heads with a closed-form part need them.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What `head_from` needs to make it again (without weights), as plain values."""

    def fitted_from(self) -> dict[str, Any]:
        """What, besides training posters, decides what `fit` finds: heads that agree in it are fitted alike."""
        return self.describe()

    @property
    def branch_columns(self) -> dict[str, slice]:
        """Columns of each branch in what `whole` gives; one branch, ``learned``, unless a head says otherwise."""
        return {"learned": slice(0, self.embedding_size)}

    @property
    def branch_sizes(self) -> dict[str, int]:
        """How many numbers each branch has."""
        return {name: columns.stop - columns.start for name, columns in self.branch_columns.items()}

    def whole(self, condensed: Tensor) -> Tensor:
        """(N, `condensed_dim`) float32 to (N, W): the branches side by side, as they are before `reduce`."""
        vectors: Tensor = self(condensed)
        return vectors

    def reduce(self, whole: Tensor) -> Tensor:
        """(N, W) to (N, `embedding_size`), a linear map: the identity unless `model.output_size` asks for fewer."""
        return whole

    @property
    def part_size(self) -> int:
        """Width of each of `parts`."""
        return self.embedding_size

    def parts(self, condensed: Tensor) -> tuple[Tensor, ...]:
        """What the loss is applied to in training, each (N, `part_size`), not normalised; usually the vector itself."""
        return (self(condensed),)


def pieces(features: Tensor | np.ndarray) -> Iterator[Tensor]:
    """Features a few thousand rows at a time, float64 on the CPU."""
    for start in range(0, len(features), ROWS):
        rows = features[start : start + ROWS]
        yield rows.double().cpu() if isinstance(rows, Tensor) else torch.from_numpy(rows.astype(np.float64))


def share(key: str, value: float) -> float:
    """A share in [0, 1), such as a dropout's.

    Raises:
        InputError: It is none.
    """
    if not 0 <= value < 1:
        raise InputError(f"model.{key}={value}: must be a share in [0, 1)")
    return value
