"""Columns of different scales made comparable."""

import numpy as np
import torch
from torch import Tensor, nn

from keyart.models.heads.base import pieces


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
        mean, std = column_moments(features)
        constant = std <= 1e-6 * mean.abs().clamp(min=1e-6)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(constant, 1.0, std))

    def forward(self, features: Tensor) -> Tensor:
        """(N, size) to (N, size)."""
        return (features - self.mean).div_(self.std)


def column_moments(features: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column of (N, D), in two passes: two (D,) float64."""
    mean, variance = torch.zeros(2, features.shape[1], dtype=torch.float64)
    for rows in pieces(features):
        mean += rows.sum(dim=0)
    mean /= len(features)
    for rows in pieces(features):
        variance += (rows - mean).square().sum(dim=0)
    return mean, (variance / len(features)).sqrt()
