"""FAISS's own methods on arrays, also where another library has replaced them.

Some libraries import ``faiss.contrib.torch_utils``. This module replaces methods of every index in the process:
``search`` takes tensors and no ``params`` (FAISS's own remains as ``search_numpy``), and ``reconstruct_n`` returns
tensors.
"""

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np

_BLOCK_ROWS = 65536


def numpy_search(index: Any) -> Any:
    """Return FAISS's own ``search`` method, which takes arrays."""
    return getattr(index, "search_numpy", index.search)


def vector_blocks(index: Any) -> Iterator[np.ndarray]:
    """Yield an index's vectors in arrays (n, E) float32 of at most 65,536 rows, N rows in total."""
    for start in range(0, index.ntotal, _BLOCK_ROWS):
        block = np.empty((min(_BLOCK_ROWS, index.ntotal - start), index.d), dtype=np.float32)
        yield index.reconstruct_n(start, len(block), block)


def accept_params() -> None:
    """Let replaced ``search`` methods accept arrays with ``params`` again.

    This is for libraries that search by FAISS in this process, such as Milvus's embedded server, which passes filters
    in ``params``.
    """
    for kind in _kinds(faiss.Index):
        if "search_numpy" in vars(kind) and not hasattr(kind.search, "takes_params"):
            kind.search = _taking_params(kind.search, kind.search_numpy)


def _kinds(kind: Any) -> Iterator[Any]:
    yield kind
    for further in kind.__subclasses__():
        yield from _kinds(further)


def _taking_params(replaced: Any, own: Any) -> Any:
    def search(self: Any, x: Any, k: int, *args: Any, params: Any = None, **more: Any) -> Any:
        if params is None:
            return replaced(self, x, k, *args, **more)
        return own(self, x, k, *args, params=params, **more)

    search.takes_params = True  # type: ignore[attr-defined]
    return search
