"""Search engines for unit vectors: exact, a graph, or compressed lists, with parameters chosen by measuring them.

Each engine proposes rows; proposals are scored again against the exact vectors, which stay on disk, mapped. So every
score that one sees is exact, and an engine can only miss neighbours, never misjudge one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import faiss
import numpy as np

from keyart.metrics.exact_search.faiss_search import numpy_search

Kind = Literal["flat", "hnsw", "ivfpq"]
FLAT_UP_TO = 100_000
"""Rows up to which exact search answers in some milliseconds on one core."""
SAMPLE = 1000
DEPTH = 10
CERTAIN = 1.64
"""Standard errors that a measured recall must lie above the wanted one, as other queries will find other shares."""
RESCORED = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
ROWS_A_LIST, CODES_A_ROW = 4, 100
"""Exact rows that are fetched and scored in the time in which a list is opened, and compressed rows in that of one."""


@dataclass(frozen=True, eq=False)
class Engine:
    """An approximate index and how it is searched.

    Args:
        kind: ``hnsw`` or ``ivfpq``.
        index: The FAISS index.
        effort: ``efSearch`` of a graph, ``nprobe`` of lists.
        rescored: How many proposals for each wanted neighbour are scored again; 1 for a graph, whose scores are exact.
        storage: The exact vectors, ``faiss.IndexFlatIP``, kept alive with it.
    """

    kind: Kind
    index: Any
    effort: int
    rescored: int = 1
    storage: Any = None

    @cached_property
    def _refined(self) -> Any:
        make: Any = faiss.IndexRefine
        return make(self.index, self.storage)

    @cached_property
    def _made(self) -> dict[tuple[int, int], Any]:
        """Search parameters by what was asked for: making them takes as long as a search."""
        return {}

    def search(
        self, queries: np.ndarray, k: int, rows: np.ndarray | None = None, *, depth: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k best of what is proposed for each of Q queries, among ``rows`` if given.

        Args:
            queries: (Q, E) unit vectors, float32.
            k: How many.
            rows: Rows that may be found; None: all.
            depth: How many proposals lists make for each query; None: ``rescored`` for each of k, or of 10 where k
                is less, for which ``rescored`` was chosen.

        Returns:
            (Q, k) exact inner products and (Q, k) rows, best first; where fewer are found the row is -1.
        """
        depth = max(k, DEPTH) * self.rescored if depth is None else depth
        if rows is None:
            parameters = self._made.get((k, depth)) or self._made.setdefault((k, depth), self._parameters(k, depth))
        else:
            allowed = faiss.IDSelectorBatch(np.ascontiguousarray(rows, dtype=np.int64))
            parameters = self._parameters(k, depth, len(rows), sel=allowed)
        searched = numpy_search(self.index if self.kind == "hnsw" else self._refined)
        scores, found = searched(queries, k, params=parameters)
        return scores, found

    def _parameters(self, k: int, depth: int, rows: int | None = None, **given: Any) -> Any:
        make: Any = faiss
        if self.kind == "hnsw":
            return make.SearchParametersHNSW(efSearch=max(self.effort, k), **given)
        lists = int(self.index.nlist)
        # More lists than the effort where so few would hardly hold what is to be scored again.
        needed = -(-2 * depth * lists // max(self.index.ntotal if rows is None else rows, 1))
        inner = make.SearchParametersIVF(nprobe=min(lists, max(self.effort, needed)), **given)
        # FAISS takes a factor, and cuts what it makes of it down to a whole number.
        return make.IndexRefineSearchParameters(k_factor=(depth + 0.5) / k, base_index_params=inner)


def choose_kind(rows: int) -> Kind:
    """The engine for a catalogue of this size.

    Compressed lists are built faster than a graph, hold 40 bytes beside each row of 128 numbers where a graph of 32
    links holds some 270, and what they propose is scored exactly (``benchmarks/index.py --engine hnsw`` compares).

    Examples:
        >>> [choose_kind(n) for n in (5_000, 1_000_000, 50_000_000)]
        ['flat', 'ivfpq', 'ivfpq']
    """
    return "flat" if rows <= FLAT_UP_TO else "ivfpq"


def build_engine(
    kind: Kind, flat: Any, recall: float, report: Callable[[str], None] = lambda text: None
) -> tuple[Engine | None, float]:
    """Build an engine over the vectors of an exact index and give it the least effort that reaches a recall.

    Args:
        kind: ``flat`` needs no engine beside the exact index.
        flat: ``faiss.IndexFlatIP`` of N unit vectors.
        recall: Wanted share of the exact 10 nearest that is found, in (0, 1].
        report: Told what is being done.

    Returns:
        The engine (None for ``flat``) and its agreement with exact search as measured by :func:`agreement`. That lies
        above ``recall`` by 1.64 standard errors of the measurement, or the engine is the best that was tried.
    """
    if kind == "flat":
        return None, 1.0
    report(f"building {kind} over {flat.ntotal:,} vectors")
    built = _build_hnsw(flat, recall) if kind == "hnsw" else _build_ivfpq(flat)
    report("choosing its parameters")
    exam = Exam.of(flat)
    best, found, surest = built, -1.0, -1.0
    for rescored in (1,) if kind == "hnsw" else RESCORED:
        before = -1.0
        for effort in _efforts(built):
            engine = Engine(kind, built.index, effort, rescored, flat)
            if surest >= recall and _cost(engine) >= _cost(best):
                break
            share, sure = exam.judge(engine)
            if sure >= recall or (surest < recall and sure > surest):
                best, found, surest = engine, share, sure
            # Where looking into more lists finds nothing more, more proposals must be scored.
            if sure >= recall or (kind == "ivfpq" and effort > 4 and share - before < 1e-3):
                break
            before = share
    return best, found


def _efforts(engine: Engine) -> list[int]:
    """Doublings and what lies midway, up to all that there is or 4,096."""
    first, all_of_it = (16, engine.index.ntotal) if engine.kind == "hnsw" else (1, int(engine.index.nlist))
    most = min(all_of_it, 4096)
    steps = {step for i in range(13) for step in (first * 2**i, first * 3 * 2**i // 2)}
    return [*sorted(step for step in steps if step < most), most]


def _cost(engine: Engine) -> float:
    """What a search for 10 costs, in exact scores: comparable among one index's parameters."""
    if engine.kind == "hnsw":
        return float(engine.effort)
    return (
        engine.effort * (ROWS_A_LIST + engine.index.ntotal / engine.index.nlist / CODES_A_ROW) + DEPTH * engine.rescored
    )


def agreement(engine: Engine | None, flat: Any) -> float:
    """Share of the exact 10 nearest neighbours that an engine finds.

    Up to 1,000 rows of the index, evenly spread, search all others.
    """
    return 1.0 if engine is None else Exam.of(flat).judge(engine)[0]


@dataclass(frozen=True, eq=False)
class Exam:
    """Rows of an index as queries, and what exact search finds for them.

    Attributes:
        queries: (Q, E) unit vectors.
        own: (Q,) their rows.
        least: (Q,) the score of the last of the wanted neighbours.
        wanted: How many neighbours each has, 10 or all others.
    """

    queries: np.ndarray
    own: np.ndarray
    least: np.ndarray
    wanted: int

    @classmethod
    def of(cls, flat: Any) -> "Exam":
        """Up to 1,000 rows of an exact index, evenly spread."""
        own = np.unique(np.linspace(0, flat.ntotal - 1, min(SAMPLE, flat.ntotal)).astype(np.int64))
        queries = np.ascontiguousarray(flat.reconstruct_batch(own))
        wanted = min(DEPTH, flat.ntotal - 1)
        scores, rows = numpy_search(flat)(queries, wanted + 1)
        return cls(queries, own, _others(scores, rows, own).min(axis=1, initial=np.inf), wanted)

    def judge(self, engine: Engine) -> tuple[float, float]:
        """The share of the wanted neighbours that is found, and that share less what may be luck.

        Compares scores and not row numbers: where several rows score alike, any of them will do.
        """
        if not self.wanted:
            return 1.0, 1.0
        # Each query's own row takes one of the proposals, which other queries have for themselves.
        depth = self.wanted * engine.rescored + 1
        return self.share(*engine.search(self.queries, self.wanted + 1, depth=depth))

    def share(self, scores: np.ndarray, rows: np.ndarray, tolerance: float = 1e-6) -> tuple[float, float]:
        """The same of what some search found for the queries.

        Args:
            scores: (Q, wanted + 1) inner products.
            rows: (Q, wanted + 1) rows; -1 where fewer were found.
            tolerance: By how much the engine's own arithmetic may differ from exact search's.
        """
        near = _others(np.where(rows < 0, -np.inf, scores), rows, self.own)
        shares = (near >= self.least[:, None] - tolerance).mean(axis=1)
        return float(shares.mean()), float(shares.mean() - CERTAIN * shares.std() / len(shares) ** 0.5)


def _others(scores: np.ndarray, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(Q, k - 1) scores without each query's own row, or without the last where that is not there (a copy is)."""
    drop = rows == own[:, None]
    drop[~drop.any(axis=1), -1] = True
    return scores[~drop].reshape(len(own), -1)


def _build_hnsw(flat: Any, recall: float) -> Engine:
    """A graph (Malkov and Yashunin 2020) with 32 links a row; the more recall is wanted, the more careful it is."""
    index: Any = faiss.IndexHNSWFlat(flat.d, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80 if recall <= 0.97 else 200
    for start in range(0, flat.ntotal, 65536):
        index.add(flat.reconstruct_n(start, min(65536, flat.ntotal - start)))
    return Engine("hnsw", index, 16, 1, flat)


def _build_ivfpq(flat: Any) -> Engine:
    """About 2√N lists of rows by product quantisation of what their list's centre lacks (Jégou et al. 2011).

    Four bits for every two dimensions: such codes are scanned with their tables in registers (André et al. 2017, arXiv
    1704.07355), dozens in the time of one exact score.
    """
    lists = max(1, min(round(2 * flat.ntotal**0.5), flat.ntotal // 39))
    parts = next(m for m in range(max(1, flat.d // 2), 0, -1) if flat.d % m == 0)
    make: Any = faiss.IndexIVFPQFastScan
    index = make(faiss.IndexFlatIP(flat.d), flat.d, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    index.cp.niter = 10
    some = np.unique(np.linspace(0, flat.ntotal - 1, min(flat.ntotal, max(lists * 40, 16384))).astype(np.int64))
    sample = np.ascontiguousarray(flat.reconstruct_batch(some))
    # Clustering wants so many rows; of a handful of posters, the same ones again will do.
    index.train(np.resize(sample, (max(len(sample), 39 * 16), flat.d)))
    for start in range(0, flat.ntotal, 65536):
        index.add(flat.reconstruct_n(start, min(65536, flat.ntotal - start)))
    return Engine("ivfpq", index, 1, RESCORED[0], flat)
