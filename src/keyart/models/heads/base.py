"""The interface of all heads, and helpers to read training features in pieces."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError

ROWS = 4096


class Head(nn.Module, ABC):
    """Base class of heads: maps features (N, `feature_dim`) to vectors (N, `embedding_size`), not normalised.

    A head has two steps, `transform` and `forward`. `transform` never changes in training: the features of the frozen
    backbone are transformed once, and the trained part learns from the result.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
    """

    kind: ClassVar[str]
    confidence: float = 0.0
    """Above 0: the vectors have lengths up to 1, which say how certain the head is (`MetricMapsHead`)."""

    def __init__(self, feature_dim: int, embedding_size: int) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.embedding_size = embedding_size

    @property
    def transformed_dim(self) -> int:
        """Return the columns of transformed features."""
        return self.feature_dim

    def transform(self, features: Tensor) -> Tensor:
        """Apply the fixed part, float32 (N, `feature_dim`) to (N, `transformed_dim`); often the identity."""
        return features

    @abstractmethod
    def forward(self, transformed: Tensor) -> Tensor:
        """Map transformed features (N, `transformed_dim`) float32 to vectors (N, `embedding_size`)."""

    @abstractmethod
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the parts that are not trained by gradient steps to training posters.

        Args:
            features: (N, `feature_dim`); may be memory-mapped.
            genres: (N, G) multi-hot; only heads with a closed-form part need them.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return the arguments of `build_head_from_description` (without weights), as plain values."""

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "Head":
        """Rebuild a head (without weights) from the result of `describe` without ``kind``."""
        return cls(**description)

    def fitted_from(self) -> dict[str, Any]:
        """Return the settings that determine the result of `fit`, apart from the training posters."""
        return self.describe()

    @property
    def branch_columns(self) -> dict[str, slice]:
        """Return the columns of each branch in the output of `whole`; by default one branch, ``learned``."""
        return {"learned": slice(0, self.embedding_size)}

    @property
    def branch_sizes(self) -> dict[str, int]:
        """Return the number of columns of each branch."""
        return {name: columns.stop - columns.start for name, columns in self.branch_columns.items()}

    def whole(self, transformed: Tensor) -> Tensor:
        """Map (N, `transformed_dim`) float32 to (N, W): the branches side by side, before `reduce`."""
        vectors: Tensor = self(transformed)
        return vectors

    def reduce(self, whole: Tensor) -> Tensor:
        """Map (N, W) linearly to (N, `embedding_size`): the identity unless `model.output_size` is smaller."""
        return whole

    @property
    def branch_size(self) -> int:
        """Return the width of each of `branches`."""
        return self.embedding_size

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return the vectors that the loss receives in training, each (N, `branch_size`), raw; usually one."""
        return (self(transformed),)


def pieces(features: Tensor | np.ndarray) -> Iterator[Tensor]:
    """Yield features in pieces of a few thousand rows, float64 on the CPU."""
    for start in range(0, len(features), ROWS):
        rows = features[start : start + ROWS]
        yield rows.double().cpu() if isinstance(rows, Tensor) else torch.from_numpy(rows.astype(np.float64))


def share(key: str, value: float) -> float:
    """Check that ``value`` is a share in [0, 1), such as a dropout probability, and return it."""
    if not 0 <= value < 1:
        raise InputError(f"model.{key}={value}: must be a share in [0, 1)")
    return value
