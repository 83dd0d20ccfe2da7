"""Approximate FAISS engines (HNSW graph, IVF-PQ) for unit vectors, with parameters chosen by measured recall.

Each engine proposes rows; the proposals are rescored with the exact vectors, which stay on disk, memory-mapped. So
every returned score is exact: an engine can miss neighbours, but never gives one a wrong score.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import faiss
import numpy as np

from keyart.metrics.exact_search.faiss_search import numpy_search, vector_blocks

Kind = Literal["flat", "hnsw", "ivfpq"]
FLAT_UP_TO = 100_000
"""Number of rows up to which exact search takes a few milliseconds on one core."""
SAMPLE = 1000
DEPTH = 10
CERTAIN = 1.64
"""Number of standard errors by which a measured recall must exceed the target, because other queries vary."""
RESCORED = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
ROWS_A_LIST, CODES_A_ROW = 4, 100
"""Costs for parameter selection: exact scores per opened list, and compressed codes scanned per exact score."""


@dataclass(frozen=True, eq=False)
class Engine:
    """Approximate index with its search parameters.

    Args:
        kind: ``hnsw`` or ``ivfpq``.
        index: The FAISS index.
        effort: ``efSearch`` of a graph, ``nprobe`` of inverted lists.
        rescored: Number of proposals per requested neighbour that are rescored; 1 for a graph, whose scores are exact.
        storage: The exact vectors, ``faiss.IndexFlatIP``; the reference keeps them alive.
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
        """Cache of search parameters by (k, depth): creating them takes as long as a search."""
        return {}

    def search(
        self, queries: np.ndarray, k: int, rows: np.ndarray | None = None, *, depth: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best proposals for each of Q queries, restricted to ``rows`` if provided.

        Args:
            queries: (Q, E) unit vectors, float32.
            k: Number of neighbours.
            rows: Rows that may be returned; None: all.
            depth: Number of proposals per query of inverted lists; None: ``rescored`` times max(k, 10), because
                ``rescored`` was chosen for 10 neighbours.

        Returns:
            (Q, k) exact inner products and (Q, k) rows, best first; the row is -1 if fewer than k are found.
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
        # Open more lists than the effort if these would hold too few rows to rescore.
        needed = -(-2 * depth * lists // max(self.index.ntotal if rows is None else rows, 1))
        inner = make.SearchParametersIVF(nprobe=min(lists, max(self.effort, needed)), **given)
        # FAISS multiplies k by the factor and truncates the product to an integer.
        return make.IndexRefineSearchParameters(k_factor=(depth + 0.5) / k, base_index_params=inner)


def choose_kind(rows: int) -> Kind:
    """Return the default engine for a catalogue of some size.

    Compressed lists are faster to build than a graph, and smaller: beside each row of 128 numbers they need 40 bytes, a
    graph with 32 links about 270. Their proposals are rescored exactly. ``benchmarks/index.py --engine hnsw`` compares
    both.

    Examples:
        >>> [choose_kind(n) for n in (5_000, 1_000_000, 50_000_000)]
        ['flat', 'ivfpq', 'ivfpq']
    """
    return "flat" if rows <= FLAT_UP_TO else "ivfpq"


def build_engine(
    kind: Kind, flat: Any, recall: float, report: Callable[[str], None] = lambda text: None
) -> tuple[Engine | None, float]:
    """Build an engine over the vectors of an exact index, with the cheapest parameters that reach a target recall.

    Args:
        kind: Kind of engine; ``flat`` needs no engine beside the exact index.
        flat: ``faiss.IndexFlatIP`` of N unit vectors.
        recall: Target recall@10 against exact search, in (0, 1].
        report: Called with a message at each step.

    Returns:
        The engine (None for ``flat``) and its recall, measured by :func:`agreement`. The recall exceeds ``recall`` by
        1.64 standard errors of the measurement, or the engine is the best that was tried.
    """
    if kind == "flat":
        return None, 1.0
    report(f"building {kind} over {flat.ntotal:,} vectors")
    built = _build_hnsw(flat, recall) if kind == "hnsw" else _build_ivfpq(flat)
    report("choosing its parameters")
    exam = RecallProbe.of(flat)
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
            # If more lists do not raise the recall, more proposals must be rescored.
            if sure >= recall or (kind == "ivfpq" and effort > 4 and share - before < 1e-3):
                break
            before = share
    return best, found


def _efforts(engine: Engine) -> list[int]:
    """Return the efforts to try: doublings and the midpoints between them, up to the maximum or 4,096."""
    first, all_of_it = (16, engine.index.ntotal) if engine.kind == "hnsw" else (1, int(engine.index.nlist))
    most = min(all_of_it, 4096)
    steps = {step for i in range(13) for step in (first * 2**i, first * 3 * 2**i // 2)}
    return [*sorted(step for step in steps if step < most), most]


def _cost(engine: Engine) -> float:
    """Return the estimated cost of a search for 10, in exact scores; comparable among the parameters of one index."""
    if engine.kind == "hnsw":
        return float(engine.effort)
    return (
        engine.effort * (ROWS_A_LIST + engine.index.ntotal / engine.index.nlist / CODES_A_ROW) + DEPTH * engine.rescored
    )


def agreement(engine: Engine | None, flat: Any) -> float:
    """Return an engine's recall@10: the share of the exact 10 nearest neighbours that it finds.

    Up to 1,000 evenly spaced rows of the index are the queries, each without itself.
    """
    return 1.0 if engine is None else RecallProbe.of(flat).judge(engine)[0]


@dataclass(frozen=True, eq=False)
class RecallProbe:
    """Recall measurement: rows of an index as queries, with the scores of exact search.

    Attributes:
        queries: (Q, E) unit vectors.
        own: (Q,) row of each query.
        least: (Q,) lowest score among each query's exact neighbours.
        wanted: Number of neighbours per query: 10, or all others if there are fewer.
    """

    queries: np.ndarray
    own: np.ndarray
    least: np.ndarray
    wanted: int

    @classmethod
    def of(cls, flat: Any) -> "RecallProbe":
        """Sample up to 1,000 evenly spaced rows of an exact index and search their exact neighbours."""
        own = np.unique(np.linspace(0, flat.ntotal - 1, min(SAMPLE, flat.ntotal)).astype(np.int64))
        queries = np.ascontiguousarray(flat.reconstruct_batch(own))
        wanted = min(DEPTH, flat.ntotal - 1)
        scores, rows = numpy_search(flat)(queries, wanted + 1)
        return cls(queries, own, _others(scores, rows, own).min(axis=1, initial=np.inf), wanted)

    def judge(self, engine: Engine) -> tuple[float, float]:
        """Return an engine's recall and a lower confidence bound of it.

        Scores are compared, not row numbers: of several rows with the same score, any one counts.
        """
        if not self.wanted:
            return 1.0, 1.0
        # One more proposal, for the query's own row; queries from outside the index do not need it.
        depth = self.wanted * engine.rescored + 1
        return self.share(*engine.search(self.queries, self.wanted + 1, depth=depth))

    def share(self, scores: np.ndarray, rows: np.ndarray, tolerance: float = 1e-6) -> tuple[float, float]:
        """Return the recall of search results for the queries and a lower confidence bound of it.

        Args:
            scores: (Q, wanted + 1) inner products.
            rows: (Q, wanted + 1) rows; -1 if fewer were found.
            tolerance: Largest difference between the engine's scores and exact ones by numerical error.
        """
        near = _others(np.where(rows < 0, -np.inf, scores), rows, self.own)
        shares = (near >= self.least[:, None] - tolerance).mean(axis=1)
        return float(shares.mean()), float(shares.mean() - CERTAIN * shares.std() / len(shares) ** 0.5)


def _others(scores: np.ndarray, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return (Q, k - 1) scores without each query's own row.

    If a copy of the query has replaced its own row in the results, the last score is dropped instead.
    """
    drop = rows == own[:, None]
    drop[~drop.any(axis=1), -1] = True
    return scores[~drop].reshape(len(own), -1)


def _build_hnsw(flat: Any, recall: float) -> Engine:
    """Build an HNSW graph (Malkov and Yashunin 2020) with 32 links per row; a high target recall takes longer."""
    index: Any = faiss.IndexHNSWFlat(flat.d, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80 if recall <= 0.97 else 200
    for block in vector_blocks(flat):
        index.add(block)
    return Engine("hnsw", index, 16, 1, flat)


def _build_ivfpq(flat: Any) -> Engine:
    """Build an IVF-PQ index of about 2√N lists, with product quantisation of residuals (Jégou et al. 2011).

    Each code of four bits covers two dimensions. Such codes are scanned with lookup tables in registers (André et al.
    2017, arXiv 1704.07355): dozens in the time of one exact score.
    """
    lists = max(1, min(round(2 * flat.ntotal**0.5), flat.ntotal // 39))
    parts = next(m for m in range(max(1, flat.d // 2), 0, -1) if flat.d % m == 0)
    make: Any = faiss.IndexIVFPQFastScan
    index = make(faiss.IndexFlatIP(flat.d), flat.d, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
    index.by_residual = True
    index.cp.niter = 10
    some = np.unique(np.linspace(0, flat.ntotal - 1, min(flat.ntotal, max(lists * 40, 16384))).astype(np.int64))
    sample = np.ascontiguousarray(flat.reconstruct_batch(some))
    # Clustering needs a minimum number of rows; a small catalogue repeats its own.
    index.train(np.resize(sample, (max(len(sample), 39 * 16), flat.d)))
    for block in vector_blocks(flat):
        index.add(block)
    return Engine("ivfpq", index, 1, RESCORED[0], flat)
