"""Shares of positions moved to a grid of another size, without losing any."""

import torch
from torch import Tensor, nn


def spread(parts: Tensor, size: tuple[int, int]) -> Tensor:
    """Shares of the positions of a map, handed on to the cells of a grid over the same picture; the sum stays the same.

    A position hands on its share as linear interpolation would: most to the cells nearest to it, all of it to some.

    Args:
        parts: (h, w) shares.
        size: (rows, columns) of the grid.

    Returns:
        (rows, columns) float64.

    Examples:
        >>> spread(torch.tensor([[1.0, -3.0]]), (2, 1))
        tensor([[-1.],
                [-1.]], dtype=torch.float64)
    """
    rows, columns = (_ways(old, new) for old, new in zip(parts.shape, size, strict=True))
    return rows @ parts.double() @ columns.T


def _ways(old: int, new: int) -> Tensor:
    """(new, old) which share of each old cell goes to each new one: every column adds up to 1."""
    every = torch.eye(old, dtype=torch.float64)[:, None]
    shorter = new < old
    # Towards fewer cells each old one falls into those that it overlaps; towards more, into those that it would light.
    ways = (
        nn.functional.interpolate(every, new, mode="linear", align_corners=False)
        if not shorter
        else _overlaps(old, new)[:, None]
    )[:, 0].T
    return ways / ways.sum(dim=0, keepdim=True)


def _overlaps(old: int, new: int) -> Tensor:
    """(old, new) length that old and new cells have in common, where both divide the same line."""
    before, after = torch.arange(old + 1) / old, torch.arange(new + 1) / new
    left = torch.maximum(before[:-1, None], after[None, :-1])
    right = torch.minimum(before[1:, None], after[None, 1:])
    return (right - left).clamp(min=0).double()
