"""Gathering of rows from all processes, with gradient, for losses over pairs in data-parallel training."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Return the number of processes in training; 1 without `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def exchange_sizes(rows: int, device: torch.device) -> list[int]:
    """Return the number of rows of each process, in the order of ranks.

    This waits for the device. A training step that already knows the sizes should pass them to `gather_rows` instead.
    """
    world = world_size()
    if world == 1:
        return [rows]
    sizes = torch.empty(world, dtype=torch.int64, device=device)
    dist.all_gather(list(sizes.split(1)), torch.tensor([rows], dtype=torch.int64, device=device))
    return [int(size) for size in sizes.tolist()]


def gather_rows(rows: Tensor, sizes: list[int] | None = None) -> Tensor:
    """Concatenate the rows of all processes in the order of ranks; the numbers of rows may differ.

    The gradient of a process's rows is the sum over all processes of the gradients for these rows. Let each process
    compute the same loss on all rows, and DistributedDataParallel average the parameters' gradients over processes.
    Then the gradients equal those of one process on the whole batch: the sum adds the factor that the mean removes. For
    the loss's own parameters, the mean alone gives this gradient.

    Args:
        rows: (n, …) rows of this process, of any dtype.
        sizes: The n of each process; None exchanges them first.

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
    """Autograd function: all-gathers padded rows in the forward pass, all-reduces the gradient in the backward pass."""

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
