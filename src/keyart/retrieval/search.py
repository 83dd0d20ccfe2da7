"""Nearest-neighbour search in an index: excludes the query itself, filters, diversifies, removes near-duplicates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from keyart.retrieval.diversity import diversify
from keyart.retrieval.searchable import Searchable, Selection

Thin = Callable[[np.ndarray], np.ndarray]
"""Callable that takes rows, best first, and returns a (R,) bool mask of those to keep."""


@dataclass(frozen=True, eq=False)
class Hits:
    """Results of a search.

    Attributes:
        rows: (R,) rows of the index, in the order to show them.
        scores: (R,) their cosine similarities.
        searched: Number of posters that passed the filters and were searched.
    """

    rows: np.ndarray
    scores: np.ndarray
    searched: int

    def __len__(self) -> int:
        return len(self.rows)


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
    """Return the k posters most similar to each of Q queries; one call searches the index for all of them.

    Args:
        index: The index to search.
        queries: (Q, E) unit vectors.
        k: Number of results; fewer if the index has no more.
        own: Row of each query itself, which is excluded; None for a query that is not in the index.
        rows: Posters that may be returned, from ``index.selection``; None: all.
        thin: For each query, removes rows, for example near-duplicates. The search fetches more rows until k are left.
        diverse: Select from 5k candidates by :func:`keyart.retrieval.diversity.diversify`, in its order of selection.

    Raises:
        ValueError: ``k`` is less than 1.
    """
    if k < 1:
        raise ValueError(f"k={k}: must be at least 1")
    total = len(index) if rows is None else len(rows)
    requested = max(5 * k, 50) if diverse else k
    first = min(total, requested + 1)
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
            if len(hits) >= min(k, requested) or depth >= total:
                break
            depth = min(total, 2 * depth)
            scores, found = (part[0] for part in index.search(query[None], depth, rows))
        order = diversify(hits.scores, index.vectors(hits.rows), k) if diverse and len(hits) else np.s_[:k]
        answers.append(Hits(hits.rows[order], hits.scores[order], total))
    return answers
