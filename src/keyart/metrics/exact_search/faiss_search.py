"""FAISS's own search, also where another library has put its own in its place.

``faiss.contrib.torch_utils``, which other libraries import, replaces ``search`` of every index in the process by one
that takes tensors and no ``params``, and keeps FAISS's own beside it as ``search_numpy``.
"""

from collections.abc import Iterator
from typing import Any

import faiss


def numpy_search(index: Any) -> Any:
    """FAISS's own ``search`` over arrays."""
    return getattr(index, "search_numpy", index.search)


def accept_params() -> None:
    """Have replaced searches take ``params`` of arrays again.

    For libraries that search by FAISS in this process, such as Milvus's embedded server: a filter is among the params.
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
