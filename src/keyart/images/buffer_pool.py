"""Memory for batches that is used again: on CPUs, the system takes as long to hand out fresh memory as filling it."""

import math
import weakref

import numpy as np
import torch
from torch import Tensor

_MOST = 2  # spare blocks: one batch is made while another is used
_spare: list[np.ndarray] = []


def empty_floats(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """An uninitialised tensor, on the CPU in the memory of a tensor of that size that no one holds any longer.

    Args:
        shape: Of the tensor.
        device: Where it lies; GPUs have torch's own allocator, which recycles already.

    Returns:
        Float32, contiguous.
    """
    if device.type != "cpu":
        return torch.empty(shape, device=device)
    block = _block(math.prod(shape))
    lent = block.view()
    # The tensor holds `lent` until the last tensor that shares its memory is gone.
    weakref.finalize(lent, _give_back, block).atexit = False
    return torch.from_numpy(lent).view(shape)


def _block(count: int) -> np.ndarray:
    """A spare block of ``count`` numbers or a new one; spare ones of other sizes are let go."""
    while True:
        try:
            block = _spare.pop()
        except IndexError:
            # numpy's allocator asks for huge pages, torch's does not: far fewer page faults.
            return np.empty(count, dtype=np.float32)
        if block.size == count:
            return block


def _give_back(block: np.ndarray) -> None:
    if len(_spare) < _MOST:
        _spare.append(block)
