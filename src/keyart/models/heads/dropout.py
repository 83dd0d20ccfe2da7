"""Fast dropout that gives the same result for any number of processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

#: This process's rank, and the number of the batch's rows in each process; None if it has all rows.
_Part = tuple[int, tuple[int, ...]]
_part: ContextVar[_Part | None] = ContextVar("rows of a batch", default=None)


@contextmanager
def rows_of_batch(rank: int, sizes: Sequence[int]) -> Iterator[None]:
    """Draw dropout for the whole batch and use the part for this process.

    The process has rows rank, rank + w, rank + 2w … of the batch. If all processes start from one seed, dropout drops
    in each row the same elements as a single process would.

    Args:
        rank: Rank of this process among w processes.
        sizes: (w,) number of rows of each process.
    """
    token = _part.set((rank, tuple(sizes)) if len(sizes) > 1 else None)
    try:
        yield
    finally:
        _part.reset(token)


def _full_shape(values: Tensor, dim: int, part: _Part) -> list[int]:
    rank, sizes = part
    if values.shape[dim] != sizes[rank]:
        raise ValueError(f"{values.shape[dim]} rows, but process {rank} has {sizes[rank]} of the batch's")
    shape = list(values.shape)
    shape[dim] = sum(sizes)
    return shape


def _mine(drawn: Tensor, dim: int, part: _Part) -> Tensor:
    rank, sizes = part
    rows = torch.arange(rank, sum(sizes), len(sizes), device=drawn.device)
    return drawn.index_select(dim, rows)


class RowDropout(nn.Dropout):
    """A `torch.nn.Dropout` for values whose first dimension is the batch's rows; see `rows_of_batch`."""

    def forward(self, values: Tensor) -> Tensor:
        """Apply dropout; the shape does not change."""
        part = _part.get()
        if part is None or not self.training or self.p == 0:
            return super().forward(values)
        drawn = super().forward(values.new_ones(_full_shape(values, 0, part)))
        return values * _mine(drawn, 0, part)


def byte_dropout(values: Tensor, share: float, training: bool, *, dim: int = 0) -> Tensor:
    """Apply inverted dropout (Srivastava et al. 2014, JMLR 15) with one random byte per element.

    On CPUs, drawing one random number for each element costs more than a small layer; here one random number serves
    eight elements. The share is rounded to a multiple of 1/256. The remaining elements are scaled by the rounded share,
    so the mean stays exact.

    Args:
        values: Any shape.
        share: Share of elements to set to 0, in [0, 1).
        training: If False, ``values`` are returned unchanged.
        dim: The dimension of the batch's rows; see `rows_of_batch`.

    Returns:
        A tensor of the shape of ``values``.
    """
    dropped = min(round(share * 256), 255)
    if not training or dropped == 0:
        return values
    part = _part.get()
    shape = torch.Size(_full_shape(values, dim, part)) if part else values.shape
    words = torch.empty(-(-shape.numel() // 8), dtype=torch.int64, device=values.device).random_(-(2**63), None)
    drawn = words.view(torch.uint8)[: shape.numel()].view(shape)
    kept = (_mine(drawn, dim, part) if part else drawn).ge_(dropped)
    # Bytes, because PyTorch converts them to floats several times faster than booleans.
    return (values * kept.to(values.dtype)).mul_(256 / (256 - dropped))
