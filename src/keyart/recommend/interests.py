"""What a viewer likes: films weighted by rating and recency, clustered into interests."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

Floats = npt.NDArray[np.floating]
BEST = 5.0
DAY = 86_400.0
HALF_LIFE = 1000.0
"""Days after which a film counts half."""
MOST = 8
ALIKE = 1.0
"""Ward distance below which films belong to one interest whatever their number: cosine 0.5 for two films."""


@dataclass(frozen=True, eq=False)
class Interest:
    """Films of a viewer that are alike.

    Attributes:
        medoid: The member that stands for it: the one nearest to all others.
        members: (M,) its films, as positions in the viewer's history.
        weight: Its share of the viewer's taste; the shares of all interests add up to 1.
    """

    medoid: int
    members: npt.NDArray[np.int64]
    weight: float


def event_weights(
    ratings: Floats | None, timestamps: Floats | None, count: int, half_life: float = HALF_LIFE
) -> npt.NDArray[np.float64]:
    """How much each watched film tells of a viewer's taste.

    2^(rating − 5), so that one star less halves it, times 2^(−age / half-life), the age being counted from the viewer's
    last event. Every film tells something: there is no viewer whose taste is unknown.

    Args:
        ratings: (H,) of five stars; None: all count alike.
        timestamps: (H,) seconds; NaN where unknown, which counts as old as the viewer's oldest. None: unknown.
        count: H.
        half_life: Days.

    Returns:
        (H,) positive weights whose sum is 1.

    Examples:
        >>> event_weights(np.array([5.0, 4.0, 4.0]), None, 3).tolist()
        [0.5, 0.25, 0.25]
    """
    logs = np.zeros(count)
    if ratings is not None:
        logs += np.asarray(ratings, dtype=np.float64) - BEST
    if timestamps is not None and np.isfinite(timestamps).any():
        ages = (np.nanmax(timestamps) - timestamps) / DAY
        logs -= np.where(np.isnan(ages), np.nanmax(ages), ages) / half_life
    weights = np.exp2(logs - logs.max(initial=-np.inf))
    return weights / weights.sum()


def find_interests(vectors: Floats, weights: Floats, most: int = MOST, alike: float = ALIKE) -> list[Interest]:
    """Cluster a viewer's films by Ward's method, each cluster with its medoid (PinnerSage, Pal et al. 2020).

    Ward's method (1963) merges whatever adds least to the squared distances within clusters, until clusters are further
    apart than ``alike`` and no more than ``most``. The medoid is the member with the least weighted sum of squared
    distances to the others. Unlike a mean it is a film, which can be named and lies among films.

    Args:
        vectors: (H, E) of the viewer's films, unit rows.
        weights: (H,) positive, as :func:`event_weights` gives them.
        most: Most interests.
        alike: Ward distance up to which films are merged in any case.

    Returns:
        The heaviest first; every film is in one of them.

    Examples:
        >>> eye = np.eye(2)[[0, 0, 1]]
        >>> [(one.medoid, one.members.tolist(), one.weight) for one in find_interests(eye, np.array([0.25, 0.25, 0.5]))]
        [(0, [0, 1], 0.5), (2, [2], 0.5)]
    """
    count = len(vectors)
    if count != len(weights) or not count:
        raise ValueError(f"{count} films, {len(weights)} weights: give as many of both, and one at least")
    if count == 1:
        label = np.ones(1, dtype=np.int64)
    else:
        tree = linkage(_distances(np.asarray(vectors, dtype=np.float32)), "ward")
        label = fcluster(tree, alike, "distance")
        if label.max() > most:
            label = fcluster(tree, most, "maxclust")
    total = float(weights.sum())
    found = []
    for one in np.unique(label):
        members = np.flatnonzero(label == one)
        own = vectors[members]
        # Unit vectors: least squared distances are greatest sums of cosines.
        medoid = members[int(np.argmax(own @ (weights[members] @ own)))]
        found.append(Interest(int(medoid), members, float(weights[members].sum()) / total))
    return sorted(found, key=lambda interest: (-interest.weight, interest.medoid))


def _distances(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(H · (H − 1) / 2,) Euclidean distances of unit rows, condensed: √(2 − 2 cos), by one matrix product."""
    upper = np.triu_indices(len(vectors), 1)
    return np.sqrt(np.maximum(2.0 - 2.0 * (vectors @ vectors.T)[upper].astype(np.float64), 0.0))
