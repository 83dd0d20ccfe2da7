"""Exact search on a GPU: by FAISS where it can use the GPU, by torch where only torch can."""

import logging
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from keyart.retrieval.exact_search.faiss_search import numpy_search, vector_blocks

if TYPE_CHECKING:
    import torch

    from keyart.retrieval.exact_search.torch_search import TorchFlat

_log = logging.getLogger(__name__)
GPU_MAX_K = 2048
"""Maximum number of neighbours that FAISS finds on a GPU."""
SHARE = 0.8
"""Share of the GPU's free memory that an index may take."""
WORTH_STARTING = 2**27
"""Number of scores that a CPU computes in about the second that torch needs to start on a GPU."""


@dataclass(frozen=True, eq=False)
class FaissCopy:
    """A FAISS index on a GPU, with the resources that must live as long as the index."""

    index: Any
    resources: Any

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (Q, k) scores and (Q, k) row numbers of the k nearest rows."""
        return _search(self.index, queries, k)


# A value must not refer to its key: neither would ever be freed. An index that stays on the CPU has the value None.
_copies: "weakref.WeakKeyDictionary[Any, FaissCopy | TorchFlat | None]" = weakref.WeakKeyDictionary()


def has_gpu() -> bool:
    """Return whether the installed FAISS can use a GPU of this machine."""
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def torch_device(scores: int) -> "torch.device | None":
    """Return the GPU that torch can use, or None if there is none or if starting it does not pay.

    Args:
        scores: Number of scores to compute.
    """
    if "torch" not in sys.modules and not (scores >= WORTH_STARTING and Path("/dev/nvidiactl").exists()):
        return None
    import torch

    if not torch.cuda.is_available() or (scores < WORTH_STARTING and not torch.cuda.is_initialized()):
        return None
    return torch.device("cuda")


def search_flat(flat: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Search an exact index on the GPU if possible, else on the CPU.

    The GPU needs room for a copy of the index; the copy is created once. FAISS searches on the GPU if it can use one.
    If only torch can, torch searches, provided that it uses the GPU already or that there is enough work to pay for
    starting it.

    If the GPU fails, the copy and its resources are released, one warning names the cause, and the CPU does all later
    searches.

    Args:
        flat: ``faiss.IndexFlat`` of N vectors on the CPU.
        queries: (Q, E) float32.
        k: Number of neighbours; FAISS finds at most 2,048 on a GPU.

    Returns:
        (Q, k) scores and (Q, k) row numbers.
    """
    copy = _copy_of(flat, len(queries), k)
    if copy is not None:
        try:
            return copy.search(queries, k)
        except (RuntimeError, MemoryError) as error:
            _stay_on_cpu(flat, error)
        del copy
    return _search(flat, queries, k)


def copy_to_gpu(index: Any, device: int = 0) -> tuple[Any, Any]:
    """Copy an index to a GPU.

    Returns:
        The copy, and its resources, which must live as long as the copy.

    Raises:
        RuntimeError: The GPU has not enough free memory.
    """
    makers: Any = faiss
    resources = makers.StandardGpuResources()
    return makers.index_cpu_to_gpu(resources, device, index), resources


def _search(index: Any, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores, rows = numpy_search(index)(queries, k)
    return scores, rows


def _copy_of(flat: Any, queries: int, k: int) -> "FaissCopy | TorchFlat | None":
    """Return the index's copy on a GPU; None if the CPU has to search."""
    if _copies.get(flat, flat) is None:
        return None
    device = None
    if has_gpu():
        if k > GPU_MAX_K:
            return None
    elif (device := torch_device(queries * flat.ntotal)) is None:
        return None
    if flat not in _copies:
        try:
            _check_room(flat)
            _copies[flat] = FaissCopy(*copy_to_gpu(flat)) if device is None else _torch_copy(flat, device)
        except (RuntimeError, MemoryError) as error:
            _stay_on_cpu(flat, error)
    return _copies[flat]


def _torch_copy(flat: Any, device: "torch.device") -> "TorchFlat":
    from keyart.retrieval.exact_search.torch_search import TorchFlat

    return TorchFlat.of_blocks(vector_blocks(flat), flat.ntotal, flat.d, device)


def _check_room(flat: Any) -> None:
    """Raise if an index would take nearly all of the GPU's free memory, before anything is allocated."""
    import torch

    needed = 4 * flat.ntotal * flat.d
    if torch.cuda.is_available() and needed > SHARE * (free := torch.cuda.mem_get_info()[0]):
        raise MemoryError(f"{free / 2**30:.1f} GiB of its memory are free")


def _stay_on_cpu(flat: Any, error: Exception) -> None:
    _copies[flat] = None
    size = 4 * flat.ntotal * flat.d / 2**30
    cause = str(error).strip().partition("\n")[0] or type(error).__name__
    _log.warning("the GPU cannot hold an index of %.1f GiB (%s): searching on the CPU", size, cause)
