"""FAISS indexes on a GPU, where this FAISS and this machine have one."""

import logging
import weakref
from typing import Any

import faiss

_log = logging.getLogger(__name__)
GPU_MAX_K = 2048
"""FAISS's limit on a GPU."""
SHARE = 0.8
"""Of the GPU's free memory that an index may take."""
_copies: "weakref.WeakKeyDictionary[Any, Any]" = weakref.WeakKeyDictionary()


def has_gpu() -> bool:
    """Whether this FAISS can use a GPU of this machine."""
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def on_gpu(flat: Any, k: int) -> Any:
    """A copy of an exact index on the GPU, made once; the index itself where a search there is not possible.

    Args:
        flat: ``faiss.IndexFlat`` on the CPU.
        k: How many neighbours are wanted: a GPU finds at most 2,048.
    """
    if not has_gpu() or k > GPU_MAX_K:
        return flat
    if flat not in _copies:
        _copies[flat] = _copy(flat)
    return _copies[flat][0]


def _copy(flat: Any) -> tuple[Any, Any]:
    """The copy and what must live as long as it; the index itself where the GPU has no room for a copy."""
    import torch

    needed = 4 * flat.ntotal * flat.d
    if torch.cuda.is_available() and needed > SHARE * torch.cuda.mem_get_info()[0]:
        _log.warning("the GPU has no room for an index of %.1f GiB: searching on the CPU", needed / 2**30)
        return flat, None
    makers: Any = faiss
    resources = makers.StandardGpuResources()
    return makers.index_cpu_to_gpu(resources, 0, flat), resources
