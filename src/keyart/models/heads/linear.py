"""A linear head: standardisation and one weight matrix."""

from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from keyart.models.heads.base import Head, share
from keyart.models.heads.dropout import RowDropout
from keyart.models.heads.standardise import Standardise


class LinearHead(Head):
    """A linear map of standardised features; over average-pooled features it is a sum over positions of the poster.

    Use it if heat maps must be exact (``keyart explain``), or with few posters.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
        dropout: Share of features dropped in training.
    """

    kind: ClassVar[str] = "linear"

    def __init__(self, feature_dim: int, embedding_size: int, dropout: float = 0.0) -> None:
        super().__init__(feature_dim, embedding_size)
        self.standardise = Standardise(feature_dim)
        self.dropout = RowDropout(share("dropout", dropout))
        self.project = nn.Linear(feature_dim, embedding_size)

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the linear map of the standardised features; see `Head`."""
        projected: Tensor = self.project(self.dropout(self.standardise(transformed)))
        return projected

    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the standardisation; see `Head`."""
        self.standardise.fit(features)

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "embedding_size": self.embedding_size,
            "dropout": self.dropout.p,
        }
