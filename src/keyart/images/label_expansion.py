"""Expansion of multi-label posters to one row per label."""

import numpy as np
import numpy.typing as npt


def expand_labels(genres: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Repeat each poster once for each of its genres, the oldest way to train single-label losses on multiple labels.

    Args:
        genres: (N, G) bool.

    Returns:
        (R,) int64 positions of posters and (R,) int64 the genre of each row, where R is the total number of labels.

    Examples:
        >>> expand_labels(np.array([[True, True], [False, True]]))
        (array([0, 0, 1]), array([0, 1, 1]))
    """
    posters, labels = np.nonzero(genres)
    return posters.astype(np.int64), labels.astype(np.int64)
