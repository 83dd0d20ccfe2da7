"""Choice of query posters for galleries: for variety, and independent of the retrieval results."""

import numpy as np
import numpy.typing as npt

from keyart.utils.vectors import normalise_rows

MAX_CANDIDATES = 2000


def choose_queries(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int = 8, groups: npt.ArrayLike | None = None
) -> npt.NDArray[np.int64]:
    """Choose query posters that represent the variety of the catalogue: one per genre, by greedy facility location.

    The function takes the ``count`` most frequent genres, rarest first; if there are fewer genres, it starts again from
    the first. For each genre it adds the poster of that genre that raises the genre's coverage most. Coverage is the
    sum over the genre's posters of the cosine to the nearest query poster (greedy facility location: Nemhauser, Wolsey
    and Fisher 1978). A genre set that is already shown is chosen only if its genre has no other. A near-duplicate of a
    query poster is chosen only if nothing else is left. The choice uses neither relevance nor random numbers: ties go
    to the lower position. With more than 2,000 posters, only every n-th is a candidate.

    Args:
        embeddings: (N, E) embeddings, normalised or not.
        genres: (N, G) bool, multi-hot.
        count: Number of query posters, at most N.
        groups: (N,) near-duplicate groups.

    Returns:
        (min(count, N),) distinct positions, the query poster of the most frequent genre first.

    Examples:
        >>> vectors = np.eye(6)
        >>> genres = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 1], [1, 0]], dtype=bool)
        >>> chosen = choose_queries(vectors, genres, 2)
        >>> genres[chosen].any(0).tolist()
        [True, True]
    """
    total = len(genres)
    stride = -(-total // MAX_CANDIDATES) if total else 1
    at = np.arange(0, total, stride)
    unit, has = normalise_rows(np.asarray(embeddings)[at]), np.asarray(genres, dtype=bool)[at]
    group = at if groups is None else np.asarray(groups)[at]
    similarity = unit @ unit.T
    covered = np.full(len(at), -1.0, dtype=np.float32)
    free = np.ones(len(at), dtype=bool)
    unlike, fresh = free.copy(), free.copy()
    chosen: list[int] = []
    for genre in _agenda(has, min(count, len(at))):
        members = np.ones(len(at), dtype=bool) if genre is None else has[:, genre]
        candidates = _first_some(members & fresh, members & unlike, fresh, unlike, free)
        raised = np.maximum(similarity[np.ix_(members, candidates)] - covered[members, None], 0).sum(0)
        best = int(candidates[int(raised.argmax())])
        chosen.append(best)
        covered = np.maximum(covered, similarity[best])
        free[best] = False
        unlike &= np.not_equal(group, group[best])
        fresh &= unlike & (has != has[best]).any(1)
    return at[np.array(chosen[::-1], dtype=np.int64)]


def _agenda(has: npt.NDArray[np.bool_], count: int) -> list[int | None]:
    """Return the genre of each query poster, rarest first; None means all posters, if no genre is known."""
    sizes = has.sum(0)
    known = [int(g) for g in np.argsort(-sizes, kind="stable") if sizes[g] > 0][:count]
    if not known:
        return [None] * count
    rounds = [known[i % len(known)] for i in range(count)]
    return list(reversed(rounds))


def _first_some(*masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the positions where the first non-empty mask is true."""
    for mask in masks:
        if mask.any():
            return np.flatnonzero(mask)
    raise ValueError("no poster is left to choose")
