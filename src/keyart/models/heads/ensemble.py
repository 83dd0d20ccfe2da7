"""An ensemble of small networks, computed in parallel as one."""

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.heads.base import Head, share
from keyart.models.heads.dropout import byte_dropout

Output = Literal["linear", "relu"]


class EnsembleHead(Head):
    """An ensemble of K networks with one hidden layer (GELU) on the same features, each trained separately.

    Each network has its own initialisation and dropout. Their vectors are normalised and concatenated, so that the
    cosine of two posters is the mean of the networks' cosines, which has a lower variance than any of them
    (Lakshminarayanan et al. 2017, arXiv 1612.01474). The features must already be standardised or projected. They are
    divided by one number, so that the mean square of a coordinate is 1. Weights are initialised as N(0, 1) / √inputs,
    so that they preserve the scale of the activations.

    Use it for the vectors of a classifier (``experiment=classifier``).

    Args:
        feature_dim: Columns of the features.
        branch_size: Width of each network's vector.
        heads: Number K of networks.
        hidden_size: Units of each hidden layer.
        dropout: Share of hidden units dropped in training.
        feature_dropout: Share of features dropped in training.
        output: ``linear``, or ``relu`` to clip negative values of the vectors to 0, as in a classifier's last hidden
            layer.

    Raises:
        InputError: A number is out of range, or ``output`` is unknown.
    """

    kind: ClassVar[str] = "ensemble"
    scale: Tensor

    def __init__(
        self,
        feature_dim: int,
        branch_size: int = 128,
        heads: int = 4,
        hidden_size: int = 512,
        dropout: float = 0.5,
        feature_dropout: float = 0.2,
        output: Output = "linear",
    ) -> None:
        if heads < 1:
            raise InputError(f"model.heads={heads}: must be 1 or more")
        if output not in get_args(Output):
            raise InputError(f"model.output={output}: unknown; choose one of {', '.join(get_args(Output))}")
        super().__init__(feature_dim, heads * branch_size)
        self.heads, self.hidden_size, self.output = heads, hidden_size, output
        self.dropout, self.feature_dropout = share("dropout", dropout), share("feature_dropout", feature_dropout)
        self.hidden = nn.Parameter(torch.randn(heads, feature_dim, hidden_size) / feature_dim**0.5)
        self.project = nn.Parameter(torch.randn(heads, hidden_size, branch_size) / hidden_size**0.5)
        # One-dimensional, so that weight decay does not apply to them.
        self.hidden_bias = nn.Parameter(torch.zeros(heads * hidden_size))
        self.bias = nn.Parameter(torch.zeros(heads * branch_size))
        self.register_buffer("scale", torch.ones(()))

    @property
    def branch_size(self) -> int:
        """Return the width of one network's vector."""
        return self.embedding_size // self.heads

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return each network's vector; the loss trains each network separately."""
        x = (transformed * self.scale).expand(self.heads, -1, -1)
        x = byte_dropout(x, self.feature_dropout, self.training, dim=1)
        hidden = nn.functional.gelu(torch.baddbmm(self.hidden_bias.view(self.heads, 1, -1), x, self.hidden))
        hidden = byte_dropout(hidden, self.dropout, self.training, dim=1)
        vectors = torch.baddbmm(self.bias.view(self.heads, 1, -1), hidden, self.project)
        return (vectors.relu() if self.output == "relu" else vectors).unbind(0)

    def forward(self, transformed: Tensor) -> Tensor:
        """Return the normalised vectors of all networks side by side; see `Head`."""
        units = [nn.functional.normalize(part, dim=1) for part in self.branches(transformed)]
        return torch.cat(units, dim=1) / self.heads**0.5 if self.heads > 1 else self.branches(transformed)[0]

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Compute the scale of training features; see `Head`."""
        mean_square = np.mean([float(torch.as_tensor(row).double().square().mean()) for row in features])
        self.scale.fill_(1.0 if mean_square == 0 else float(mean_square) ** -0.5)

    def fitted_from(self) -> dict[str, Any]:
        """Return the settings that determine the fit; see `Head`."""
        return {"kind": self.kind, "feature_dim": self.feature_dim}

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "branch_size": self.branch_size,
            "heads": self.heads,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout,
            "feature_dropout": self.feature_dropout,
            "output": self.output,
        }
