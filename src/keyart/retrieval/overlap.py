"""Overlap of the neighbours that two indexes of the same posters find."""

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.retrieval.searchable import Searchable

MOST_QUERIES = 1000


def neighbour_overlap(
    first: Searchable, second: Searchable, k: int = 10
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count how many of each poster's k nearest two indexes share.

    Returns:
        (Q,) rows of up to 1,000 evenly spaced queries in the first index, and (Q,) the number of shared neighbours.

    Raises:
        InputError: The indexes share no poster.
    """
    ids = first.posters["id"].astype(str)
    # Rows of the second index by rows of the first; -1 where it lacks the poster.
    places = np.array([-1 if (row := second.row_of(one)) is None else row for one in ids], dtype=np.int64)
    common = np.flatnonzero(places >= 0)
    if not len(common):
        raise InputError("compare: the runs' indexes share no poster; name runs of the same catalogue")
    queries = common[np.unique(np.linspace(0, len(common) - 1, min(len(common), MOST_QUERIES)).astype(np.int64))]
    near = _nearest(first, queries, k)
    near = np.where(near >= 0, places[near], -1)
    other = _nearest(second, places[queries], k)
    shared = ((near[:, :, None] == other[:, None, :]) & (near >= 0)[:, :, None]).any(2).sum(1)
    return queries, shared.astype(np.int64)


def _nearest(index: Searchable, rows: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.int64]:
    """Return (Q, k) rows nearest to each row, itself left out; -1 where there are fewer."""
    found = index.search(index.vectors(rows), k + 1)[1]
    # A poster that is not among its own nearest (ties) leaves the last one out instead.
    own = found == rows[:, None]
    own[~own.any(1), -1] = True
    return np.asarray(found[~own].reshape(len(rows), k))
