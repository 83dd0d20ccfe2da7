"""Exclusion of gallery rows from a query's ranking."""

import numpy as np
import torch
from torch import Tensor


class Exclusion:
    """Exclusion of the gallery rows that have the query's label.

    If each row's position is its label, a query does not find itself. If group ids are the labels, it finds none of its
    near-duplicates.

    Args:
        query_labels: (Q,) int64.
        gallery_labels: (N,) int64.

    Examples:
        >>> hidden = Exclusion(np.array([7, 5]), np.array([5, 7, 7]))
        >>> hidden.counts
        array([2, 1])
        >>> [t.tolist() for t in hidden.pairs(np.array([0, 1]))]
        [[0, 0, 1], [1, 2, 0]]
    """

    def __init__(self, query_labels: np.ndarray, gallery_labels: np.ndarray) -> None:
        self.query_labels = np.asarray(query_labels, dtype=np.int64)
        self.gallery_labels = np.asarray(gallery_labels, dtype=np.int64)
        self._order = np.argsort(self.gallery_labels, kind="stable")
        ordered = self.gallery_labels[self._order]
        self._start = np.searchsorted(ordered, self.query_labels, side="left")
        #: (Q,) number of excluded rows per query.
        self.counts: np.ndarray = np.searchsorted(ordered, self.query_labels, side="right") - self._start

    def pairs(self, queries: np.ndarray, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Return the excluded (query, gallery row) pairs of some queries.

        Args:
            queries: (T,) positions among the Q queries.
            device: Device of the result.

        Returns:
            (P,) int64 index into ``queries`` and (P,) int64 gallery positions.
        """
        counts = self.counts[queries]
        row = np.repeat(np.arange(len(queries)), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        column = self._order[self._start[queries][row] + within]
        return (
            torch.from_numpy(row).to(device, non_blocking=True),
            torch.from_numpy(column).to(device, non_blocking=True),
        )
