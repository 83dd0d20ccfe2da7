"""Pairs of posters whose genres and look disagree."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.retrieval.random_pairs import RandomPairs
from keyart.utils.vectors import normalise_rows

TILE = 1024
KEPT = 2000
"""Number of most extreme pairs of a tile that remain candidates."""


@dataclass(frozen=True)
class Pair:
    """Two posters and their cosine similarity.

    Attributes:
        first: Position of the first poster.
        second: Position of the second poster.
        cosine: Their cosine similarity.
        closer_than: Share of random pairs of the compared posters with a lower cosine.
    """

    first: int
    second: int
    cosine: float
    closer_than: float


def dissimilar_same_genres(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int = 6, groups: npt.ArrayLike | None = None
) -> list[Pair]:
    """Return pairs of posters with the same genre set and the lowest cosine.

    No poster occurs twice. No genre set occurs twice as long as there are other sets.

    Args:
        embeddings: (N, E) embeddings, normalised or not.
        genres: (N, G) bool, multi-hot.
        count: Maximum number of pairs.
        groups: (N,) near-duplicate groups; pairs within a group are excluded.
    """
    return _extremes(embeddings, genres, count, groups, alike=False)


def similar_other_genres(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int = 6, groups: npt.ArrayLike | None = None
) -> list[Pair]:
    """Return pairs of posters without a common genre and with the highest cosine, excluding near-duplicates.

    No poster occurs twice. No pair of genre sets occurs twice as long as there are others. Posters without genres are
    excluded. The arguments are those of :func:`dissimilar_same_genres`.
    """
    return _extremes(embeddings, genres, count, groups, alike=True)


def _extremes(
    embeddings: npt.ArrayLike, genres: npt.NDArray[np.bool_], count: int, groups: npt.ArrayLike | None, *, alike: bool
) -> list[Pair]:
    unit = normalise_rows(embeddings)
    has = np.asarray(genres, dtype=bool)
    group = np.arange(len(has)) if groups is None else np.asarray(groups)
    some: npt.NDArray[np.bool_] = np.asarray(has.any(1))
    kinds = np.unique(has, axis=0, return_inverse=True)[1].reshape(-1) if len(has) else np.zeros(0, dtype=np.int64)
    bits = has.astype(np.float32)
    sign = -1.0 if alike else 1.0
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(has), TILE):
        rows = slice(start, start + TILE)
        requested: npt.NDArray[np.bool_] = bits[rows] @ bits.T == 0 if alike else kinds[rows, None] == kinds[None]
        requested &= some[rows, None] & some[None] & np.not_equal(group[rows, None], group[None])
        requested &= np.arange(len(has))[None] > np.arange(len(has))[rows, None]
        score = np.where(requested, sign * (unit[rows] @ unit.T), np.float32(np.inf)).ravel()
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
    """Choose the most extreme pairs without repeating posters; repeat genre sets only if there are too few pairs."""
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
