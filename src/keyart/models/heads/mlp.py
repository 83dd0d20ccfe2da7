"""An MLP head: standardisation and a network with one hidden layer."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.heads.base import Head, share
from keyart.models.heads.dropout import RowDropout
from keyart.models.heads.standardise import Standardise

Norm = Literal["none", "batch", "layer"]
_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda size: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}


class MLPHead(Head):
    """Standardised features, one hidden layer (ReLU, dropout) and a linear output layer.

    Use it to compare losses: it trains in seconds on cached features.

    Args:
        feature_dim: Columns of the features.
        embedding_size: Columns of the result.
        hidden_size: Units of the hidden layer.
        dropout: Share of hidden units dropped in training.
        norm: Normalisation of the hidden layer before its ReLU: ``none``, ``batch`` or ``layer``.

    Raises:
        InputError: ``dropout`` is out of range, or ``norm`` is unknown.
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
        self.dropout = RowDropout(share("dropout", dropout))
        self.project = nn.Linear(hidden_size, embedding_size)

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the network's output for the standardised features; see `Head`."""
        hidden = self.norm(self.hidden(self.standardise(transformed)))
        projected: Tensor = self.project(self.dropout(nn.functional.relu(hidden)))
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
            "hidden_size": self.hidden_size,
            "dropout": self.dropout.p,
            "norm": self.norm_kind,
        }
