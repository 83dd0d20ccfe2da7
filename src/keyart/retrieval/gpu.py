"""FAISS indexes on a GPU, where this FAISS and this machine have one."""

import logging
import weakref
from typing import Any

import faiss
import numpy as np

from keyart.retrieval.faiss_search import numpy_search

_log = logging.getLogger(__name__)
GPU_MAX_K = 2048
"""FAISS's limit on a GPU."""
SHARE = 0.8
"""Of the GPU's free memory that an index may take."""
# A value must not refer to its key, or neither is ever freed: an index that stays on the CPU has None.
_copies: "weakref.WeakKeyDictionary[Any, tuple[Any, Any] | None]" = weakref.WeakKeyDictionary()


def has_gpu() -> bool:
    """Whether this FAISS can use a GPU of this machine."""
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def search_flat(flat: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Search an exact index: its copy on the GPU, created once, where there is room for it; else the index itself.

    Where the GPU fails, the copy and its resources are released, one warning names the cause, and the CPU answers from
    then on.

    Args:
        flat: ``faiss.IndexFlat`` of N vectors on the CPU.
        queries: (Q, E) float32.
        k: How many neighbours are wanted: a GPU finds at most 2,048.

    Returns:
        (Q, k) scores and (Q, k) rows.
    """
    copy = _copy_of(flat) if has_gpu() and k <= GPU_MAX_K else None
    if copy is not None:
        try:
            return _search(copy[0], queries, k)
        except (RuntimeError, MemoryError) as error:
            _stay_on_cpu(flat, error)
        del copy
    return _search(flat, queries, k)


def copy_to_gpu(index: Any, device: int = 0) -> tuple[Any, Any]:
    """Copy an index to a GPU.

    Returns:
        The copy and its resources, which must live as long as it.

    Raises:
        RuntimeError: The GPU has no room for it.
    """
    makers: Any = faiss
    resources = makers.StandardGpuResources()
    return makers.index_cpu_to_gpu(resources, device, index), resources


def _search(index: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores, rows = numpy_search(index)(queries, k)
    return scores, rows


def _copy_of(flat: Any) -> tuple[Any, Any] | None:
    if flat not in _copies:
        try:
            _check_room(flat)
            _copies[flat] = copy_to_gpu(flat)
        except (RuntimeError, MemoryError) as error:
            _stay_on_cpu(flat, error)
    return _copies[flat]


def _check_room(flat: Any) -> None:
    """Refuse what would take nearly all of the GPU's free memory, before anything is allocated."""
    import torch

    needed = 4 * flat.ntotal * flat.d
    if torch.cuda.is_available() and needed > SHARE * (free := torch.cuda.mem_get_info()[0]):
        raise MemoryError(f"{free / 2**30:.1f} GiB of its memory are free")


def _stay_on_cpu(flat: Any, error: Exception) -> None:
    _copies[flat] = None
    size = 4 * flat.ntotal * flat.d / 2**30
    cause = str(error).strip().partition("\n")[0] or type(error).__name__
    _log.warning("the GPU cannot hold an index of %.1f GiB (%s): searching on the CPU", size, cause)
