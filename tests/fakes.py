"""Small stand-ins with the shape of the real things."""

import hashlib

import numpy as np
import torch
from torch import Tensor


class FakePixels:
    """A pixel cache in memory: coloured noise."""

    def __init__(self, n: int = 20, size: tuple[int, int] = (64, 48), seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        base = rng.integers(0, 200, (n, 1, 1, 3))
        self.data = (base + rng.integers(0, 56, (n, *size, 3))).astype(np.uint8)
        self.image_size = size
        self.taken = 0

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data.tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.data)

    def take(self, positions) -> Tensor:
        self.taken += len(positions)
        return torch.from_numpy(self.data[np.asarray(positions)])


def jaccard(a: Tensor, b: Tensor) -> Tensor:
    """Jaccard gains of two multi-hot tensors, written out."""
    shared = a.float() @ b.float().T
    union = a.float().sum(1)[:, None] + b.float().sum(1)[None] - shared
    return shared / union.clamp(min=1)


def multi_hot(n: int, genres: int = 5, seed: int = 0) -> Tensor:
    """(n, genres) float with one to three genres a row."""
    rng = np.random.default_rng(seed)
    hot = torch.zeros(n, genres)
    for row in hot:
        row[rng.choice(genres, size=rng.integers(1, 4), replace=False)] = 1
    return hot


def unit(n: int, size: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """(n, size) random unit vectors."""
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(n, size, generator=generator, dtype=dtype), dim=1)
