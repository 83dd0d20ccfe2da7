"""The share of image detail that remains at smaller input sizes."""

import numpy as np
import torch
from torch.nn import functional as F

from keyart.images.pixel_cache import PixelCache

SIZES = ((192, 132), (160, 110), (128, 88), (96, 66), (64, 44))
_SAMPLE = 256


def detail_kept(pixels: PixelCache, sizes: tuple[tuple[int, int], ...] = SIZES) -> dict[str, float]:
    """Return the share of gradient energy that remains after downscaling and upscaling, by size.

    The share is Σ ‖∇L′‖² / Σ ‖∇L‖². L are the grey levels of at most 256 posters at the cache's size. L′ is L after
    bilinear resizing with antialiasing to the smaller size and back. Gradients are differences of neighbouring pixels.

    Args:
        pixels: Pixels of N posters.
        sizes: (height, width) of each size; sizes that are not smaller than the posters are skipped.

    Returns:
        The share by ``"<height>×<width>"``.
    """
    at = np.linspace(0, len(pixels) - 1, min(_SAMPLE, len(pixels))).round().astype(np.int64)
    rgb = pixels.take(np.unique(at)).permute(0, 3, 1, 2).float()
    grey = (rgb * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    whole = _energy(grey)
    kept = {}
    for size in sizes:
        if size[0] < grey.shape[2] and size[1] < grey.shape[3]:
            small = F.interpolate(grey, size, mode="bilinear", antialias=True)
            again = F.interpolate(small, grey.shape[2:], mode="bilinear")
            kept[f"{size[0]}×{size[1]}"] = _energy(again) / whole if whole else 1.0
    return kept


def _energy(grey: torch.Tensor) -> float:
    return float(
        grey.diff(dim=2).square().sum(dtype=torch.float64) + grey.diff(dim=3).square().sum(dtype=torch.float64)
    )
