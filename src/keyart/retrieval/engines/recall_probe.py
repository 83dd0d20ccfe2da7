"""Measurement of an engine's recall against exact search."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from keyart.retrieval.exact_search.faiss_search import numpy_search

SAMPLE = 1000
DEPTH = 10
CERTAIN = 1.64
"""Number of standard errors by which a measured recall must exceed the target, because other queries vary."""


@dataclass(frozen=True, eq=False)
class RecallProbe:
    """Recall measurement: rows of an index as queries, with the scores of exact search.

    Attributes:
        queries: (Q, E) unit vectors.
        own: (Q,) row of each query.
        least: (Q,) lowest score among each query's exact neighbours.
        neighbours: Number of neighbours per query: 10, or all others if there are fewer.
    """

    queries: np.ndarray
    own: np.ndarray
    least: np.ndarray
    neighbours: int

    @classmethod
    def of(cls, flat: Any) -> "RecallProbe":
        """Sample up to 1,000 evenly spaced rows of an exact index and search their exact neighbours."""
        own = np.unique(np.linspace(0, flat.ntotal - 1, min(SAMPLE, flat.ntotal)).astype(np.int64))
        queries = np.ascontiguousarray(flat.reconstruct_batch(own))
        neighbours = min(DEPTH, flat.ntotal - 1)
        scores, rows = numpy_search(flat)(queries, neighbours + 1)
        return cls(queries, own, _others(scores, rows, own).min(axis=1, initial=np.inf), neighbours)

    def share(self, scores: np.ndarray, rows: np.ndarray, tolerance: float = 1e-6) -> tuple[float, float]:
        """Return the recall of search results for the queries and a lower confidence bound of it.

        Args:
            scores: (Q, neighbours + 1) inner products.
            rows: (Q, neighbours + 1) rows; -1 if fewer were found.
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
