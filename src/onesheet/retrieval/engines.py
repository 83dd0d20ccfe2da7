"""Search engines for unit vectors: exact, a graph, or compressed lists, with parameters chosen by measuring them.

Each engine proposes rows; proposals are scored again against the exact vectors, which stay on disk, mapped. So every
score that one sees is exact, and an engine can only miss neighbours, never misjudge one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np

Kind = Literal["flat", "hnsw", "ivfpq"]
FLAT_UP_TO = 100_000
"""Rows up to which exact search answers in some milliseconds on one core."""
HNSW_UP_TO = 5_000_000
"""Rows up to which a graph beside float32 vectors fits an ordinary machine's memory."""
SAMPLE = 500
DEPTH = 10


def numpy_search(index: Any) -> Any:
    """FAISS's own ``search`` over arrays.

    ``faiss.contrib.torch_utils``, which other libraries import, puts one without ``params`` in its place and keeps the
    first beside it.
    """
    return getattr(index, "search_numpy", index.search)


@dataclass(frozen=True, eq=False)
class Engine:
    """An approximate index and how it is searched.

    Args:
        kind: ``hnsw`` or ``ivfpq``.
        index: The FAISS index.
        effort: ``efSearch`` of a graph, ``nprobe`` of lists.
        rescored: How many proposals for each wanted neighbour are scored again.
        storage: The vectors that a graph walks over, kept alive with it.
    """

    kind: Kind
    index: Any
    effort: int
    rescored: int = 1
    storage: Any = None

    def propose(self, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> np.ndarray:
        """(Q, ≤ ``k × rescored``) proposed rows for (Q, E) queries, among ``rows`` if given; -1: none."""
        depth = min(self.index.ntotal, k * self.rescored)
        given = {} if rows is None else {"sel": faiss.IDSelectorBatch(np.ascontiguousarray(rows, dtype=np.int64))}
        make: Any = getattr(faiss, "SearchParametersHNSW" if self.kind == "hnsw" else "SearchParametersIVF")
        effort = {"efSearch": max(self.effort, depth)} if self.kind == "hnsw" else {"nprobe": self.effort}
        parameters = make(**effort, **given)
        return np.asarray(numpy_search(self.index)(queries, depth, params=parameters)[1])


def choose_kind(rows: int) -> Kind:
    """The engine for a catalogue of this size.

    Examples:
        >>> [choose_kind(n) for n in (5_000, 1_000_000, 50_000_000)]
        ['flat', 'hnsw', 'ivfpq']
    """
    return "flat" if rows <= FLAT_UP_TO else "hnsw" if rows <= HNSW_UP_TO else "ivfpq"


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
        The engine (None for ``flat``) and its agreement with exact search as measured by :func:`agreement`. It is
        below ``recall`` only where the greatest effort does not reach it.
    """
    if kind == "flat":
        return None, 1.0
    report(f"building {kind} over {flat.ntotal:,} vectors")
    engine = _build_hnsw(flat, recall) if kind == "hnsw" else _build_ivfpq(flat)
    report("choosing its parameters")
    queries, own, wanted = _sample(flat)
    most = flat.ntotal if kind == "hnsw" else engine.index.nlist
    found = 0.0
    # Wider lists of proposals mend what compression blurs, more probes what the lists cut apart.
    for rescored in (1,) if kind == "hnsw" else (4, 16, 64):
        effort = 16 if kind == "hnsw" else 1
        while True:
            engine = Engine(kind, engine.index, min(effort, most), rescored)
            found = _share_found(engine, flat, queries, own, wanted)
            if found >= recall:
                return engine, found
            if effort >= min(most, 4096):
                break
            effort *= 2
    return engine, found


def agreement(engine: Engine | None, flat: Any) -> float:
    """Share of the exact 10 nearest neighbours that an engine finds: recall@10 of its proposals after scoring.

    Up to 500 rows of the index, evenly spread, search all others.
    """
    if engine is None:
        return 1.0
    return _share_found(engine, flat, *_sample(flat))


def _sample(flat: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Queries, their own rows, and (Q, ≤ 10) exact neighbours."""
    own = np.unique(np.linspace(0, flat.ntotal - 1, min(SAMPLE, flat.ntotal)).astype(np.int64))
    queries = np.ascontiguousarray(flat.reconstruct_batch(own))
    rows = flat.search(queries, min(DEPTH + 1, flat.ntotal))[1]
    return queries, own, np.stack([_without(row, one)[:DEPTH] for row, one in zip(rows, own, strict=True)])


def _share_found(engine: Engine, flat: Any, queries: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> float:
    """Compares exact scores and not row numbers: where several rows score alike, any of them will do."""
    if not wanted.shape[1]:
        return 1.0
    proposed = engine.propose(queries, DEPTH + 1)
    share = 0.0
    for query, one, rows, exact in zip(queries, own, proposed, wanted, strict=True):
        least = (flat.reconstruct_batch(exact) @ query).min() - 1e-6
        rows = _without(rows[rows >= 0], one)
        share += min((flat.reconstruct_batch(rows) @ query >= least).sum() / len(exact), 1.0) if len(rows) else 0.0
    return float(share / len(own))


def _without(rows: np.ndarray, one: int) -> np.ndarray:
    """The rows without ``one``, or without the last where ``one`` is not there (a copy took its place)."""
    kept = rows[rows != one]
    return kept if len(kept) < len(rows) else rows[:-1]


def _build_hnsw(flat: Any, recall: float) -> Engine:
    """A graph (Malkov and Yashunin 2020) with 32 links a row; the more recall is wanted, the more careful it is."""
    index: Any = faiss.IndexHNSWFlat(flat.d, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80 if recall <= 0.97 else 200
    for start in range(0, flat.ntotal, 65536):
        index.add(flat.reconstruct_n(start, min(65536, flat.ntotal - start)))
    return Engine("hnsw", index, 16)


def _build_ivfpq(flat: Any) -> Engine:
    """About 4√N lists with product-quantised rows (Jégou et al. 2011): a byte for every two dimensions."""
    lists = max(1, min(round(4 * flat.ntotal**0.5), flat.ntotal // 39))
    bits = int(np.clip(np.log2(max(flat.ntotal / 39, 2)), 1, 8))
    parts = next(m for m in range(max(1, flat.d // 2), 0, -1) if flat.d % m == 0)
    index: Any = faiss.IndexIVFPQ(faiss.IndexFlatIP(flat.d), flat.d, lists, parts, bits, faiss.METRIC_INNER_PRODUCT)
    some = np.unique(np.linspace(0, flat.ntotal - 1, min(flat.ntotal, max(lists, 256) * 64)).astype(np.int64))
    index.train(np.ascontiguousarray(flat.reconstruct_batch(some)))
    for start in range(0, flat.ntotal, 65536):
        index.add(flat.reconstruct_n(start, min(65536, flat.ntotal - start)))
    return Engine("ivfpq", index, 1, 4)
