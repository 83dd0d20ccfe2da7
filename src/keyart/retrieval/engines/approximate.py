"""Base of the approximate FAISS engines for unit vectors, with parameters chosen by measured recall.

Each engine proposes rows; the proposals are rescored with the exact vectors, which stay on disk, memory-mapped. So
every returned score is exact: an engine can miss neighbours, but never gives one a wrong score.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from keyart.retrieval.engines.base import RowEngine
from keyart.retrieval.engines.recall_probe import DEPTH, RecallProbe
from keyart.retrieval.exact_search.faiss_search import numpy_search
from keyart.retrieval.faiss_files import write_faiss

FILE = "engine.faiss"


@dataclass(frozen=True, eq=False)
class ApproximateEngine(RowEngine):
    """Approximate index with its search parameters.

    Args:
        index: The FAISS index.
        effort: ``efSearch`` of a graph, ``nprobe`` of inverted lists.
        rescored: Number of proposals per requested neighbour that are rescored; 1 for a graph, whose scores are exact.
        storage: The exact vectors, ``faiss.IndexFlatIP``; the reference keeps them alive.
    """

    index: Any
    effort: int
    rescored: int = 1
    storage: Any = None

    flags: ClassVar[int] = 0
    """FAISS's flags with which the index is written and read."""
    rescorings: ClassVar[tuple[int, ...]]
    """Values of ``rescored`` to try, in ascending order."""
    least_gain: ClassVar[float] = -1.0
    """Gain in recall below which a larger effort is not tried; negative: all are."""

    @classmethod
    @abstractmethod
    def create(cls, flat: Any, recall: float) -> Self:
        """Build the FAISS index over exact vectors; `fit` then chooses its parameters."""

    @property
    @abstractmethod
    def searched(self) -> Any:
        """Return the FAISS index to search."""

    @abstractmethod
    def efforts(self) -> list[int]:
        """Return the efforts to try, in ascending order."""

    @abstractmethod
    def cost(self) -> float:
        """Return the estimated cost of a search for 10; comparable among the parameters of one index."""

    @abstractmethod
    def search_parameters(self, k: int, depth: int, rows: int | None = None, **given: Any) -> Any:
        """Return FAISS's parameters for a search.

        Args:
            k: Number of neighbours.
            depth: Number of proposals per query.
            rows: Number of allowed rows; None: all.
            given: Further arguments of FAISS's parameters, such as ``sel``.
        """

    @cached_property
    def _made(self) -> dict[tuple[int, int], Any]:
        """Cache of search parameters by (k, depth): creating them takes as long as a search."""
        return {}

    def search(
        self, queries: np.ndarray, k: int, rows: np.ndarray | None = None, *, depth: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best proposals, with exact scores; see `RowEngine`.

        Args:
            queries: (Q, E) unit vectors, float32.
            k: Number of neighbours.
            rows: Rows that may be returned; None: all.
            depth: Number of proposals per query; None: ``rescored`` times max(k, 10), because ``rescored`` was chosen
                for 10 neighbours.
        """
        depth = max(k, DEPTH) * self.rescored if depth is None else depth
        if rows is None:
            parameters = self._made.get((k, depth)) or self._made.setdefault(
                (k, depth), self.search_parameters(k, depth)
            )
        else:
            allowed = faiss.IDSelectorBatch(np.ascontiguousarray(rows, dtype=np.int64))
            parameters = self.search_parameters(k, depth, len(rows), sel=allowed)
        return numpy_search(self.searched)(queries, k, params=parameters)

    @classmethod
    def fit(cls, flat: Any, recall: float, report: Callable[[str], None] = lambda text: None) -> tuple[Self, float]:
        """Build the index and choose its parameters; see `RowEngine`.

        The recall exceeds ``recall`` by 1.64 standard errors of the measurement, or the engine is the best that was
        tried.
        """
        report(f"building {cls.name} over {flat.ntotal:,} vectors")
        built = cls.create(flat, recall)
        report("choosing its parameters")
        probe = RecallProbe.of(flat)
        best, found, surest = built, -1.0, -1.0
        for rescored in cls.rescorings:
            before = -1.0
            for effort in built.efforts():
                engine = replace(built, effort=effort, rescored=rescored)
                if surest >= recall and engine.cost() >= best.cost():
                    break
                share, sure = engine.measure(probe)
                if sure >= recall or (surest < recall and sure > surest):
                    best, found, surest = engine, share, sure
                if sure >= recall or (effort > 4 and share - before < cls.least_gain):
                    break
                before = share
        return best, found

    def measure(self, probe: RecallProbe) -> tuple[float, float]:
        """Return the engine's recall and a lower confidence bound of it."""
        if not probe.neighbours:
            return 1.0, 1.0
        # One more proposal, for the query's own row; queries from outside the index do not need it.
        depth = probe.neighbours * self.rescored + 1
        return probe.share(*self.search(probe.queries, probe.neighbours + 1, depth=depth))

    @classmethod
    def read(cls, folder: Path, parameters: Mapping[str, int], flat: Any) -> Self:
        """Read the FAISS index, memory-mapped; see `RowEngine`."""
        index: Any = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP_IFC | cls.flags)
        return cls(index, storage=flat, **parameters)

    def write(self, folder: Path) -> list[str]:
        """Write the FAISS index; see `RowEngine`."""
        write_faiss(self.index, folder / FILE, self.flags)
        return [FILE]


def efforts_up_to(first: int, last: int) -> list[int]:
    """Return efforts to try: doublings of the first and the midpoints between them, up to the last or 4,096.

    Examples:
        >>> efforts_up_to(1, 10)
        [1, 2, 3, 4, 6, 8, 10]
    """
    most = min(last, 4096)
    steps = {step for i in range(13) for step in (first * 2**i, first * 3 * 2**i // 2)}
    return [*sorted(step for step in steps if step < most), most]
