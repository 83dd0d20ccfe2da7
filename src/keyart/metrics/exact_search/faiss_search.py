"""FAISS's own ``search`` method, also where another library has replaced it.

Some libraries import ``faiss.contrib.torch_utils``. This module replaces ``search`` of every index in the process by a
method that takes tensors and no ``params``, and keeps FAISS's own method as ``search_numpy``.
"""

from collections.abc import Iterator
from typing import Any

import faiss


def numpy_search(index: Any) -> Any:
    """Return FAISS's own ``search`` method, which takes arrays."""
    return getattr(index, "search_numpy", index.search)


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
