"""Features whose inner products are a Gaussian kernel."""

import numpy as np
import torch
from torch import Tensor, nn

from keyart.models.heads.base import ROWS


class KernelMap(nn.Module):
    """Nyström features φ of a Gaussian kernel (Williams & Seeger 2001, NeurIPS).

    With landmarks L among the training posters and K(x, y) = exp(−‖x − y‖² / s), s twice their mean ‖x‖²:

        φ(x) = K(x, L) V Λ^(−1/2),   K(L, L) = V Λ Vᵀ

    So φ(x)·φ(y) = K(x, y) if x or y is a landmark, and approximates it otherwise. The coordinates are sorted by
    eigenvalue. Linear maps of φ are the functions that kernel regression chooses among, so that a loss can train them.

    Args:
        feature_dim: Columns of the input.
        landmarks: Number of landmarks, and of coordinates. `fit` chooses them evenly spaced among the posters; with
            fewer posters, the last coordinates are 0.
    """

    landmarks: Tensor
    basis: Tensor
    width: Tensor

    def __init__(self, feature_dim: int, landmarks: int) -> None:
        super().__init__()
        self.register_buffer("landmarks", torch.zeros(landmarks, feature_dim))
        self.register_buffer("basis", torch.zeros(landmarks, landmarks))
        self.register_buffer("width", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, `feature_dim`) to (N, `landmarks`)."""
        # Pieces limit the memory; in an exported program they would limit the batch.
        pieces = [x] if torch.compiler.is_compiling() else x.split(ROWS)
        return torch.cat([gaussian(rows, self.landmarks, self.width) @ self.basis for rows in pieces])

    @torch.no_grad()
    def fit(self, x: Tensor | np.ndarray) -> None:
        """Choose the landmarks among training posters (N, `feature_dim`), and compute the basis."""
        chosen, width, _ = choose_centres(x, len(self.landmarks))
        chosen, count = chosen.to(self.width.device), len(chosen)
        self.width.copy_(width)
        strengths, vectors = torch.linalg.eigh(gaussian(chosen, chosen, self.width))
        strengths, vectors = strengths.flip(0), vectors.flip(1)
        # Coordinates of rounding errors would be divided by rounding errors.
        alive = strengths > 1e-6 * strengths[0]
        self.landmarks.zero_()[:count] = chosen
        self.basis.zero_()[:count, :count] = vectors * torch.where(alive, strengths.clamp(min=1e-30).rsqrt(), 0.0)


def choose_centres(x: Tensor | np.ndarray, most: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """Choose centres of a Gaussian kernel, evenly spaced among the posters.

    Args:
        x: (N, D) of training posters.
        most: Maximum number of centres.

    Returns:
        The centres, (M, D) float32; the kernel's width, twice their mean ‖x‖²; and their positions in
        ``x``, (M,) int64.
    """
    kept = np.linspace(0, len(x) - 1, min(len(x), most)).astype(np.int64)
    centres = torch.as_tensor(np.asarray(x)[kept]).float()
    return centres, 2 * centres.square().sum(1).mean().clamp(min=1e-12), kept


def gaussian(x: Tensor, centres: Tensor, width: Tensor) -> Tensor:
    """Return exp(−‖x − c‖² / width) of (N, D) and (M, D): (N, M)."""
    # Products are faster than differences, and precise enough for a smooth kernel.
    squares = x.square().sum(1)[:, None] + centres.square().sum(1)[None]
    return torch.exp(-(squares - 2 * x @ centres.T).clamp(min=0) / width)
