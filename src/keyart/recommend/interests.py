"""Interests of a user: films weighted by rating and recency, then clustered."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

Floats = npt.NDArray[np.floating]
BEST = 5.0
DAY = 86_400.0
HALF_LIFE = 1000.0
"""Age in days at which the weight of a film is halved."""
MOST = 8
ALIKE = 1.0
"""Ward distance below which clusters are always merged; for two films it equals a cosine of 0.5."""


@dataclass(frozen=True, eq=False)
class Interest:
    """Cluster of similar films of a user.

    Attributes:
        medoid: The member that represents the cluster: the one closest to all others.
        members: (M,) films, as positions in the user's history.
        weight: Share of the user's profile; the shares of all interests sum to 1.
    """

    medoid: int
    members: npt.NDArray[np.int64]
    weight: float


def event_weights(
    ratings: Floats | None, timestamps: Floats | None, count: int, half_life: float = HALF_LIFE
) -> npt.NDArray[np.float64]:
    """Return the weight of each watched film in a user's profile.

    The weight is proportional to 2^(rating − 5) · 2^(−age / half-life): one star less halves it. The age is counted
    back from the user's last event. Every weight is positive, so that every user has a profile.

    Args:
        ratings: (H,) ratings on a scale of five stars; None: all films have the same rating.
        timestamps: (H,) seconds; NaN where unknown, which counts as the age of the user's oldest event. None: unknown.
        count: H.
        half_life: Half-life in days.

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
    """Cluster a user's films by Ward's method and find the medoid of each cluster (PinnerSage, Pal et al. 2020).

    Ward's method (1963) repeatedly merges the two clusters whose merging increases the sum of squared distances within
    clusters least. It stops when the clusters are further apart than ``alike`` and there are at most ``most``. The
    medoid is the member with the lowest weighted sum of squared distances to the others. Unlike a mean, it is a film:
    it has a name and a place among the films.

    Args:
        vectors: (H, E) unit vectors of the user's films.
        weights: (H,) positive, from :func:`event_weights`.
        most: Maximum number of interests.
        alike: Ward distance up to which clusters are always merged.

    Returns:
        Interests that partition the films, the one with the highest weight first.

    Raises:
        ValueError: There are no films, or the numbers of films and weights differ.

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
        # For unit vectors, the lowest sum of squared distances is the highest sum of cosines.
        medoid = members[int(np.argmax(own @ (weights[members] @ own)))]
        found.append(Interest(int(medoid), members, float(weights[members].sum()) / total))
    return sorted(found, key=lambda interest: (-interest.weight, interest.medoid))


def _distances(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return (H · (H − 1) / 2,) condensed Euclidean distances of unit vectors, √(2 − 2 cos), by one matrix product."""
    upper = np.triu_indices(len(vectors), 1)
    return np.sqrt(np.maximum(2.0 - 2.0 * (vectors @ vectors.T)[upper].astype(np.float64), 0.0))
