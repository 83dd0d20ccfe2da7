"""Rows from all processes, with gradient: what a loss over pairs needs under data parallelism."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """How many processes train together; 1 outside `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def exchange_sizes(rows: int, device: torch.device) -> list[int]:
    """How many rows each process has, in the order of their ranks.

    It waits for the device, so a training step that knows the sizes beforehand passes them to `gather_rows` instead.
    """
    world = world_size()
    if world == 1:
        return [rows]
    sizes = torch.empty(world, dtype=torch.int64, device=device)
    dist.all_gather(list(sizes.split(1)), torch.tensor([rows], dtype=torch.int64, device=device))
    return [int(size) for size in sizes.tolist()]


def gather_rows(rows: Tensor, sizes: list[int] | None = None) -> Tensor:
    """The rows of all processes below each other, in the order of their ranks; the numbers of rows may differ.

    The gradient of a process's rows is the sum of the gradients that every process has for them. So when each process
    works out the same loss on all rows, and DistributedDataParallel averages the parameters' gradients over processes,
    they equal those of one process on the joined batch: the sum brings the factor that the mean takes away. Parameters
    of the loss itself get that gradient from the mean alone.

    Args:
        rows: (n, …) this process's rows, of any dtype.
        sizes: The n of each process, where known; else they are exchanged first.

    Returns:
        (Σn, …) of the same dtype on the same device; ``rows`` itself in a single process.
    """
    if world_size() == 1:
        return rows
    if sizes is None:
        sizes = exchange_sizes(len(rows), rows.device)
    if not any(sizes):
        return rows
    gathered: Tensor = _GatherRows.apply(rows, sizes)
    return gathered


class _GatherRows(torch.autograd.Function):
    """All-gather of padded rows forward, all-reduced slice backward."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        most = max(sizes)
        padded = rows.new_zeros((most, *rows.shape[1:]))
        padded[: len(rows)] = rows
        everything = rows.new_empty((most * len(sizes), *rows.shape[1:]))
        dist.all_gather(list(everything.split(most)), padded)
        if all(size == most for size in sizes):
            return everything
        return torch.cat([everything[i * most : i * most + size] for i, size in enumerate(sizes)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        rank = dist.get_rank()
        start = sum(ctx.sizes[:rank])
        return total[start : start + ctx.sizes[rank]], None
