"""FAISS indexes on a GPU, where this FAISS and this machine have one."""

import weakref
from typing import Any

import faiss

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
    return _copies[flat] or flat


def _copy(flat: Any) -> Any:
    """The copy, or None where the GPU has no room for it."""
    makers: Any = faiss
    import torch

    if torch.cuda.is_available() and 4 * flat.ntotal * flat.d > SHARE * torch.cuda.mem_get_info()[0]:
        return None
    resources = makers.StandardGpuResources()
    copy = makers.index_cpu_to_gpu(resources, 0, flat)
    copy.kept_resources = resources
    return copy
