"""Searching an index with one vector: without itself, filtered, diversified, without repeated pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keyart.retrieval.diversify import diversify
from keyart.retrieval.searchable import Searchable, Selection

Thin = Callable[[np.ndarray], np.ndarray]
"""Takes rows, best first, and returns a (R,) bool mask of those to keep."""


@dataclass(frozen=True, eq=False)
class Hits:
    """What a search found.

    Attributes:
        rows: (R,) rows of the index, in the order to show them.
        scores: (R,) their cosine similarities.
        searched: How many posters could be found: those that passed the filters.
    """

    rows: np.ndarray
    scores: np.ndarray
    searched: int

    def __len__(self) -> int:
        return len(self.rows)


def search_index(
    index: Searchable,
    query: np.ndarray,
    k: int,
    *,
    own: int | None = None,
    rows: Selection | None = None,
    thin: Thin | None = None,
    diverse: bool = False,
) -> Hits:
    """The k posters most like a query, best first; see :func:`search_batch`.

    Args:
        index: What is searched.
        query: (E,) unit vector.
        k: How many; fewer where there are no more.
        own: The query's own row, which is left out.
        rows: What may be found, as ``index.selection`` gives it; None: all.
        thin: Drops rows, repeated pictures say. More are fetched until k are left.
        diverse: Choose among 5k by :func:`keyart.retrieval.diversify.diversify`; the order is that of choosing.
    """
    return search_batch(index, query[None], k, own=[own], rows=rows, thin=[thin], diverse=diverse)[0]


def search_batch(
    index: Searchable,
    queries: np.ndarray,
    k: int,
    *,
    own: Sequence[int | None],
    rows: Selection | None = None,
    thin: Sequence[Thin | None],
    diverse: bool = False,
) -> list[Hits]:
    """The k posters most like each of Q queries, which the index is asked for at once.

    Args:
        index: What is searched.
        queries: (Q, E) unit vectors.
        k: How many; fewer where there are no more.
        own: Each query's own row, which is left out.
        rows: What may be found, as ``index.selection`` gives it; None: all.
        thin: For each query, drops rows, repeated pictures say. More are fetched until k are left.
        diverse: Choose among 5k by :func:`keyart.retrieval.diversify.diversify`; the order is that of choosing.

    Returns:
        Q answers.
    """
    if k < 1:
        raise ValueError(f"k={k}: must be at least 1")
    total = len(index) if rows is None else len(rows)
    wanted = max(5 * k, 50) if diverse else k
    first = min(total, wanted + 1)
    batch = index.search(queries, first, rows)
    answers = []
    for at, query in enumerate(queries):
        depth, scores, found = first, batch[0][at], batch[1][at]
        while True:
            kept = found >= 0 if own[at] is None else (found >= 0) & (found != own[at])
            hits = Hits(found[kept], scores[kept], total)
            drop = thin[at]
            if drop is not None and len(hits):
                keep = drop(hits.rows)
                hits = Hits(hits.rows[keep], hits.scores[keep], total)
            if len(hits) >= min(k, wanted) or depth >= total:
                break
            depth = min(total, 2 * depth)
            scores, found = (part[0] for part in index.search(query[None], depth, rows))
        order = diversify(hits.scores, index.vectors(hits.rows), k) if diverse and len(hits) else np.s_[:k]
        answers.append(Hits(hits.rows[order], hits.scores[order], total))
    return answers
