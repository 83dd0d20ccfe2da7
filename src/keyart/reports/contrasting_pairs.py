"""Pairs in which genre and look disagree: where the labels end and the pictures begin."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.retrieval.random_pairs import RandomPairs
from keyart.utils.vectors import unit_rows

TILE = 1024
KEPT = 2000
"""How many of a tile's most extreme pairs stay in the running."""


@dataclass(frozen=True)
class Pair:
    """Two posters and their cosine similarity.

    Attributes:
        first: Position of the one.
        second: Position of the other.
        cosine: Their similarity.
        closer_than: The share of random pairs of the compared posters whose cosine is lower.
    """

    first: int
    second: int
    cosine: float
    closer_than: float


def same_genres_unlike(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int = 6, groups: npt.ArrayLike | None = None
) -> list[Pair]:
    """Pairs with the same genre set and the lowest cosine.

    No poster occurs twice, and no genre set either while other sets are left.

    Args:
        embeddings: (N, E), normalised or not.
        genres: (N, G) bool.
        count: How many pairs at most.
        groups: (N,) near-duplicate groups, which are left out.
    """
    return _extremes(embeddings, genres, count, groups, alike=False)


def alike_other_genre(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int = 6, groups: npt.ArrayLike | None = None
) -> list[Pair]:
    """Pairs that share no genre and have the highest cosine; near-duplicates are left out.

    No poster occurs twice, and no pair of genre sets either while others are left. Arguments as for
    :func:`same_genres_unlike`. A poster without genres takes part in no pair.
    """
    return _extremes(embeddings, genres, count, groups, alike=True)


def _extremes(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int, groups: npt.ArrayLike | None, *, alike: bool
) -> list[Pair]:
    unit = unit_rows(embeddings)
    has = np.asarray(genres, dtype=bool)
    group = np.arange(len(has)) if groups is None else np.asarray(groups)
    some: npt.NDArray[np.bool_] = np.asarray(has.any(1))
    kinds = np.unique(has, axis=0, return_inverse=True)[1].reshape(-1) if len(has) else np.zeros(0, dtype=np.int64)
    bits = has.astype(np.float32)
    sign = -1.0 if alike else 1.0
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(has), TILE):
        rows = slice(start, start + TILE)
        wanted: npt.NDArray[np.bool_] = bits[rows] @ bits.T == 0 if alike else kinds[rows, None] == kinds[None]
        wanted &= some[rows, None] & some[None] & np.not_equal(group[rows, None], group[None])
        wanted &= np.arange(len(has))[None] > np.arange(len(has))[rows, None]
        score = np.where(wanted, sign * (unit[rows] @ unit.T), np.float32(np.inf)).ravel()
        best = np.argpartition(score, KEPT)[:KEPT] if len(score) > KEPT else np.arange(len(score))
        best = best[np.isfinite(score[best])]
        first, second = np.divmod(best, len(has))
        found += zip(score[best].tolist(), (first + start).tolist(), second.tolist(), strict=True)
    found.sort()
    picked = _pick(found, kinds, count)
    cosines = [sign * score for score, _, _ in picked]
    shares = RandomPairs.of(unit).closer_than(cosines)
    return [Pair(a, b, cosine, float(share)) for (_, a, b), cosine, share in zip(picked, cosines, shares, strict=True)]


def _pick(
    found: list[tuple[float, int, int]], kinds: npt.NDArray[np.int64], count: int
) -> list[tuple[float, int, int]]:
    """The most extreme pairs without repetition: first of posters and genre sets, then of posters alone."""
    pairs: list[tuple[float, int, int]] = []
    used: set[int] = set()
    shown: set[tuple[int, int]] = set()
    for fresh_kinds_only in (True, False):
        for score, a, b in found:
            kind = (min(kinds[a], kinds[b]), max(kinds[a], kinds[b]))
            if len(pairs) == count or a in used or b in used or (fresh_kinds_only and kind in shown):
                continue
            used |= {a, b}
            shown.add(kind)
            pairs.append((score, a, b))
    return sorted(pairs)
