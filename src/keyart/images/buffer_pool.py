"""Pool of reusable CPU memory for batches: a fresh allocation takes as long as filling it."""

import math
import weakref

import numpy as np
import torch
from torch import Tensor

_MOST = 2  # spare blocks: one batch is built while another is used
_spare: list[np.ndarray] = []


def empty_floats(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Return an uninitialised tensor; on the CPU, reuse the memory of a released tensor of the same size.

    Args:
        shape: The tensor's shape.
        device: The tensor's device; on GPUs, torch's own allocator already reuses memory.

    Returns:
        Float32, contiguous.
    """
    if device.type != "cpu":
        return torch.empty(shape, device=device)
    block = _block(math.prod(shape))
    lent = block.view()
    # The tensor keeps a reference to `lent` until the last tensor that shares its memory is deleted.
    weakref.finalize(lent, _give_back, block).atexit = False
    return torch.from_numpy(lent).view(shape)


def _block(count: int) -> np.ndarray:
    """Return a spare block of ``count`` numbers, or a new one; spare blocks of other sizes are discarded."""
    while True:
        try:
            block = _spare.pop()
        except IndexError:
            # Unlike torch's allocator, numpy's requests huge pages, which causes far fewer page faults.
            return np.empty(count, dtype=np.float32)
        if block.size == count:
            return block


def _give_back(block: np.ndarray) -> None:
    if len(_spare) < _MOST:
        _spare.append(block)
