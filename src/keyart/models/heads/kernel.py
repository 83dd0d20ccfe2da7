"""Kernel ridge regression that predicts the relevance between genre sets, solved in closed form."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import Relevance, RelevanceKind
from keyart.errors import InputError
from keyart.models.heads.base import ROWS, Head
from keyart.models.heads.kernel_map import choose_centres, gaussian

#: Maximum number of training posters kept as centres: the cost of fitting grows with its cube.
CENTRES = 16384


class KernelHead(Head):
    """Kernel ridge regression of coordinates whose inner products are the relevance of genre sets.

    Targets: the relevance matrix of the distinct genre sets in training, each weighted by its number of posters, is
    factored into its leading eigenvectors (kernel principal components, Schölkopf et al. 1998). So the inner product of
    two posters' targets φ approximates their relevance. Then the mean φ₀ of the targets is subtracted.
    Prediction: f(x) = m φ₀ + Σ_a exp(−‖x − a‖² / s) α_a over training posters a, with s twice their mean ‖a‖² and
    α = (K + ridge · I)⁻¹ (Φ − φ₀) (Saunders et al. 1998).

    With the full mean (m = 1), f(x) estimates the expected φ of a poster that looks like x, and the inner product of
    two predictions estimates their expected relevance. The clearer a poster's genres are, the longer is f(x): 1 if
    there is no doubt. The direction of the mean expresses how similar a poster is to all others. Without it (m = 0),
    posters of uncertain genres are similar to none.

    No part of this head is trained by gradient steps.

    Args:
        feature_dim: Columns of the features.
        size: Number of coordinates to predict.
        ridge: Regularisation strength, above 0.
        relation: Kind of relevance (see `Relevance`).
        mean: m, the share of the mean that is kept, from 0 to 1.
        centres: Number of training posters kept as centres; `fit` sets it.

    Raises:
        InputError: ``ridge`` is out of range.
    """

    kind: ClassVar[str] = "kernel"
    centres: Tensor
    coefficients: Tensor
    offset: Tensor
    width: Tensor

    def __init__(
        self,
        feature_dim: int,
        size: int = 64,
        ridge: float = 1.0,
        relation: RelevanceKind = "jaccard",
        mean: float = 0.0,
        centres: int = 0,
    ) -> None:
        super().__init__(feature_dim, size)
        if ridge <= 0:
            raise InputError(f"model.kernel.ridge={ridge}: must be above 0")
        if not 0 <= mean <= 1:
            raise InputError(f"model.kernel.mean={mean}: must be from 0 to 1")
        self.ridge, self.relation, self.mean = ridge, relation, mean
        self.register_buffer("centres", torch.zeros(centres, feature_dim))
        self.register_buffer("coefficients", torch.zeros(centres, size))
        self.register_buffer("width", torch.ones(()))
        self.register_buffer("offset", torch.zeros(size))

    @property
    def branch_size(self) -> int:
        """Return 0: there is no part to train."""
        return 0

    def branches(self, transformed: Tensor) -> tuple[Tensor, ...]:
        """Return an empty tuple: there is no part to train."""
        return ()

    def forward(self, transformed: Tensor) -> Tensor:
        """Predict the coordinates; see `Head`."""
        # Pieces limit the memory; in an exported program they would limit the batch.
        pieces = [transformed] if torch.compiler.is_compiling() else transformed.split(ROWS)
        found = torch.cat([gaussian(rows, self.centres, self.width) @ self.coefficients for rows in pieces])
        return found + self.mean * self.offset

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if self.mean == 0:
            # Heads saved by versions without `mean` have no offset; there its value has no effect.
            state_dict.setdefault(f"{prefix}offset", torch.zeros_like(self.offset))
        super()._load_from_state_dict(state_dict, prefix, *args)

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray, genres: Tensor | np.ndarray | None = None) -> None:
        """Fit the regression; of more than 16,384 posters, use that many evenly spaced ones; see `Head`.

        Raises:
            ValueError: ``genres`` is None.
        """
        if genres is None:
            raise ValueError("a kernel head is fitted to genres")
        device = self.width.device
        centres, width, kept = choose_centres(features, CENTRES)
        self.centres = centres.to(device)
        self.width.copy_(width)
        targets = relevance_coordinates(np.asarray(genres, dtype=bool)[kept], self.embedding_size, self.relation)
        self.offset.copy_(targets.mean(dim=0))
        targets = targets.to(device) - self.offset
        gram = gaussian(self.centres, self.centres, self.width)
        gram.diagonal().add_(self.ridge)
        self.coefficients = torch.cholesky_solve(targets, torch.linalg.cholesky(gram)).contiguous()

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild the head; see `Head`."""
        return {
            "kind": self.kind,
            "feature_dim": self.feature_dim,
            "size": self.embedding_size,
            "ridge": self.ridge,
            "relation": self.relation,
            "mean": self.mean,
            "centres": len(self.centres),
        }


def relevance_coordinates(genres: np.ndarray, size: int, relation: RelevanceKind = "jaccard") -> Tensor:
    """Return coordinates of posters whose inner products best approximate the relevance of their genre sets.

    Args:
        genres: (N, G) bool.
        size: Number of coordinates; those beyond the rank of the relevance matrix are 0.
        relation: Kind of relevance.

    Returns:
        (N, size) float32.
    """
    sets, inverse, counts = np.unique(genres, axis=0, return_inverse=True, return_counts=True)
    distinct = torch.from_numpy(sets)
    relevance = Relevance.fit(relation, genres)(distinct, distinct).double()
    weights = torch.from_numpy(counts).double().sqrt()
    strengths, vectors = torch.linalg.eigh(weights[:, None] * relevance * weights)
    kept = int((strengths > 1e-9 * strengths.max()).sum().clamp(max=size))
    strengths, vectors = strengths.flip(0)[:kept], vectors.flip(1)[:, :kept]
    found = relevance @ (weights[:, None] * vectors / strengths.sqrt())
    padded = torch.nn.functional.pad(found, (0, size - kept))
    return padded[torch.from_numpy(inverse.reshape(-1))].float()
