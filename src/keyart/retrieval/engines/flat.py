"""Exact search: every row is scored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from keyart.retrieval.engines.base import RowEngine
from keyart.retrieval.exact_search.faiss_gpu import search_flat
from keyart.retrieval.exact_search.faiss_search import numpy_search


@dataclass(frozen=True, eq=False)
class FlatEngine(RowEngine):
    """Exact search of all vectors.

    Args:
        index: ``faiss.IndexFlatIP``.
    """

    name: ClassVar[str] = "flat"
    summary: ClassVar[str] = "scores every poster: exact"
    index: Any

    @classmethod
    def fit(cls, flat: Any, recall: float, report: Callable[[str], None] = lambda text: None) -> tuple[Self, float]:
        """Return an engine over the vectors themselves; see `RowEngine`."""
        return cls(flat), 1.0

    @classmethod
    def read(cls, folder: Path, parameters: Mapping[str, int], flat: Any) -> Self:
        """Return an engine over the vectors themselves; see `RowEngine`."""
        return cls(flat)

    def write(self, folder: Path) -> list[str]:
        """Write nothing: the vectors are there; see `RowEngine`."""
        return []

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Score all rows, or the allowed ones; see `RowEngine`."""
        if rows is None:
            return search_flat(self.index, queries, k)
        make: Any = faiss.SearchParameters
        return numpy_search(self.index)(queries, k, params=make(sel=faiss.IDSelectorBatch(rows)))
