"""HNSW graph by FAISS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import faiss

from keyart.retrieval.engines.approximate import ApproximateEngine, efforts_up_to
from keyart.retrieval.engines.base import Parameter
from keyart.retrieval.exact_search.faiss_search import vector_blocks


class HNSWEngine(ApproximateEngine):
    """HNSW graph (Malkov and Yashunin 2020) with 32 links per row, whose scores are exact.

    On disk the graph has no vectors: it shares the exact ones, memory-mapped.
    """

    name: ClassVar[str] = "hnsw"
    summary: ClassVar[str] = "graph of neighbours: fast, 270 bytes a poster"
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "effort": Parameter("`efSearch`, the nodes kept in view"),
        "rescored": Parameter("always 1: scores are exact", 1, 1),
    }
    flags: ClassVar[int] = faiss.IO_FLAG_SKIP_STORAGE
    rescorings: ClassVar[tuple[int, ...]] = (1,)

    @classmethod
    def create(cls, flat: Any, recall: float) -> Self:
        """Build the graph; one for a high target recall takes longer."""
        index: Any = faiss.IndexHNSWFlat(flat.d, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 80 if recall <= 0.97 else 200
        for block in vector_blocks(flat):
            index.add(block)
        return cls(index, 16, 1, flat)

    @classmethod
    def read(cls, folder: Path, parameters: Mapping[str, int], flat: Any) -> Self:
        """Read the graph; see `RowEngine`."""
        engine = super().read(folder, parameters, flat)
        # The graph shares the memory-mapped vectors: FAISS must free them neither twice nor before the graph.
        engine.index.storage, engine.index.own_fields = flat, False
        return engine

    @property
    def searched(self) -> Any:
        """Return the graph itself."""
        return self.index

    def efforts(self) -> list[int]:
        """Return the efforts to try, from 16 up."""
        return efforts_up_to(16, self.index.ntotal)

    def cost(self) -> float:
        """Return the nodes in view."""
        return float(self.effort)

    def search_parameters(self, k: int, depth: int, rows: int | None = None, **given: Any) -> Any:
        """Return FAISS's parameters for a search."""
        make: Any = faiss
        return make.SearchParametersHNSW(efSearch=max(self.effort, k), **given)
