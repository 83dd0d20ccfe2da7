"""Standardisation of feature columns to mean 0 and standard deviation 1."""

import numpy as np
import torch
from torch import Tensor, nn

from keyart.models.heads.base import pieces


class Standardise(nn.Module):
    """Standardisation of columns by the mean and standard deviation that `fit` computes; before, the identity.

    Args:
        size: Number of columns.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray) -> None:
        """Compute mean and standard deviation of training features; a constant column keeps scale 1.

        Args:
            features: (N, size); may be memory-mapped, since it is read in pieces.
        """
        mean, std = column_moments(features)
        constant = std <= 1e-6 * mean.abs().clamp(min=1e-6)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(constant, 1.0, std))

    def forward(self, features: Tensor) -> Tensor:
        """Standardise (N, size) values."""
        return (features - self.mean).div_(self.std)


def column_moments(features: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation of each column of (N, D) in two passes: two (D,) float64."""
    mean, variance = torch.zeros(2, features.shape[1], dtype=torch.float64)
    for rows in pieces(features):
        mean += rows.sum(dim=0)
    mean /= len(features)
    for rows in pieces(features):
        variance += (rows - mean).square().sum(dim=0)
    return mean, (variance / len(features)).sqrt()
