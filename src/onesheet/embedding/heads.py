"""Heads: from a backbone's features to an embedding."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from onesheet.errors import InputError

_ROWS = 4096


class Standardise(nn.Module):
    """Each column minus its mean, over its standard deviation, as `fit` found them; the identity before.

    Args:
        size: Columns.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray) -> None:
        """Take mean and standard deviation from training features; a column that never changes keeps scale 1.

        Args:
            features: (N, size); may be mapped from disk, it is read in pieces.
        """
        mean, variance = torch.zeros(2, len(self.mean), dtype=torch.float64)
        for rows in _pieces(features):
            mean += rows.sum(dim=0)
        mean /= len(features)
        for rows in _pieces(features):
            variance += (rows - mean).square().sum(dim=0)
        std = (variance / len(features)).sqrt()
        constant = std <= 1e-6 * mean.abs().clamp(min=1e-6)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(constant, 1.0, std))

    def forward(self, features: Tensor) -> Tensor:
        """(N, size) to (N, size)."""
        return (features - self.mean) / self.std


class Head(nn.Module, ABC):
    """What turns features (N, `feature_dim`) into vectors (N, `embedding_size`), not normalised.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
    """

    kind: ClassVar[str]

    def __init__(self, feature_dim: int, embedding_size: int) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.embedding_size = embedding_size

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """(N, `feature_dim`) float32 to (N, `embedding_size`)."""

    @abstractmethod
    def fit(self, features: Tensor | np.ndarray) -> None:
        """Take what standardises the input from training features (N, `feature_dim`)."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What `head_from` needs to make it again (without weights), as plain values."""

    @property
    def part_size(self) -> int:
        """Width of each of `parts`."""
        return self.embedding_size

    def parts(self, features: Tensor) -> tuple[Tensor, ...]:
        """What the loss is applied to in training, each (N, `part_size`), not normalised; usually the vector itself."""
        return (self(features),)


class LinearHead(Head):
    """Standardised features times one matrix; over pooled features it is a sum over positions of the poster.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
        dropout: Share of features dropped in training.
    """

    kind: ClassVar[str] = "linear"

    def __init__(self, feature_dim: int, embedding_size: int, dropout: float = 0.0) -> None:
        super().__init__(feature_dim, embedding_size)
        self.standardise = Standardise(feature_dim)
        self.dropout = nn.Dropout(_share("dropout", dropout))
        self.project = nn.Linear(feature_dim, embedding_size)

    def forward(self, features: Tensor) -> Tensor:
        """See `Head`."""
        projected: Tensor = self.project(self.dropout(self.standardise(features)))
        return projected

    def fit(self, features: Tensor | np.ndarray) -> None:
        """See `Head`."""
        self.standardise.fit(features)

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "embedding_size": self.embedding_size,
            "dropout": self.dropout.p,
        }


Norm = Literal["none", "batch", "layer"]
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda size: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}


class MLPHead(Head):
    """Standardised features, one hidden layer (ReLU, dropout), one matrix.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
        hidden_size: Units of the hidden layer.
        dropout: Share of hidden units dropped in training.
        norm: Normalisation of the hidden layer before its ReLU: ``none``, ``batch`` or ``layer``.

    Raises:
        InputError: When ``dropout`` is no share or ``norm`` unknown.
    """

    kind: ClassVar[str] = "mlp"

    def __init__(
        self,
        feature_dim: int,
        embedding_size: int,
        hidden_size: int = 512,
        dropout: float = 0.4,
        norm: Norm = "none",
    ) -> None:
        super().__init__(feature_dim, embedding_size)
        if norm not in get_args(Norm):
            raise InputError(f"model.norm={norm}: unknown; choose one of {', '.join(get_args(Norm))}")
        self.hidden_size, self.norm_kind = hidden_size, norm
        self.standardise = Standardise(feature_dim)
        self.hidden = nn.Linear(feature_dim, hidden_size)
        self.norm = _NORMS[norm](hidden_size)
        self.dropout = nn.Dropout(_share("dropout", dropout))
        self.project = nn.Linear(hidden_size, embedding_size)

    def forward(self, features: Tensor) -> Tensor:
        """See `Head`."""
        hidden = self.norm(self.hidden(self.standardise(features)))
        projected: Tensor = self.project(self.dropout(nn.functional.relu(hidden)))
        return projected

    def fit(self, features: Tensor | np.ndarray) -> None:
        """See `Head`."""
        self.standardise.fit(features)

    def describe(self) -> dict[str, Any]:
        """See `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "embedding_size": self.embedding_size,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout.p,
            "norm": self.norm_kind,
        }


def build_head(
    kind: str,
    feature_dim: int,
    embedding_size: int,
    *,
    hidden_size: int = 512,
    dropout: float = 0.4,
    norm: str = "none",
) -> Head:
    """Make a plain head.

    Args:
        kind: ``linear`` or ``mlp``.
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
        hidden_size: Units of an MLP's hidden layer.
        dropout: Of an MLP's hidden units, or of a linear head's features.
        norm: Of an MLP's hidden layer: ``none``, ``batch`` or ``layer``.

    Raises:
        InputError: For an unknown kind or norm, or a size or share out of range.
    """
    for key, value in (("embedding_size", embedding_size), ("hidden_size", hidden_size)):
        if value < 1:
            raise InputError(f"model.{key}={value}: must be 1 or more")
    if kind == LinearHead.kind:
        return LinearHead(feature_dim, embedding_size, dropout)
    if kind == MLPHead.kind:
        return MLPHead(feature_dim, embedding_size, hidden_size, dropout, norm)  # type: ignore[arg-type]
    raise InputError(f"model.head={kind}: unknown; choose one of {LinearHead.kind}, {MLPHead.kind}")


def _share(key: str, value: float) -> float:
    if not 0 <= value < 1:
        raise InputError(f"model.{key}={value}: must be a share in [0, 1)")
    return value


def _pieces(features: Tensor | np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(features), _ROWS):
        rows = features[start : start + _ROWS]
        yield rows.double().cpu() if isinstance(rows, Tensor) else torch.from_numpy(rows.astype(np.float64))
