"""Resampling of attributions to a grid of another size, with the sum preserved."""

import torch
from torch import Tensor, nn


def resample(parts: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample the attributions of a map's positions to a grid over the same picture; the sum stays the same.

    Towards a finer grid, each position distributes its attribution with the weights of linear interpolation. Towards a
    coarser grid, it distributes it to the cells that it overlaps.

    Args:
        parts: (h, w) attributions.
        size: (rows, columns) of the grid.

    Returns:
        (rows, columns) float64.

    Examples:
        >>> resample(torch.tensor([[1.0, -3.0]]), (2, 1))
        tensor([[-1.],
                [-1.]], dtype=torch.float64)
    """
    rows, columns = (_shares(old, new) for old, new in zip(parts.shape, size, strict=True))
    return rows @ parts.double() @ columns.T


def _shares(old: int, new: int) -> Tensor:
    """Return (new, old) shares of each old cell that go to each new cell; every column sums to 1."""
    every = torch.eye(old, dtype=torch.float64)[:, None]
    shorter = new < old
    # Fewer cells: distribute each old cell by overlap. More cells: by the weights of linear interpolation.
    shares = (
        nn.functional.interpolate(every, new, mode="linear", align_corners=False)
        if not shorter
        else _overlaps(old, new)[:, None]
    )[:, 0].T
    return shares / shares.sum(dim=0, keepdim=True)


def _overlaps(old: int, new: int) -> Tensor:
    """Return (old, new) lengths of the overlap of old and new cells, where both divide the same interval."""
    before, after = torch.arange(old + 1) / old, torch.arange(new + 1) / new
    left = torch.maximum(before[:-1, None], after[None, :-1])
    right = torch.minimum(before[1:, None], after[None, 1:])
    return (right - left).clamp(min=0).double()
