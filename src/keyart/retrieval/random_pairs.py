"""Calibration of cosine similarities: their percentile among random pairs of posters."""

import math
import weakref
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.retrieval.searchable import Searchable
from keyart.utils.vectors import normalise_rows

SAMPLE = 1000
"""Number of sampled posters. All their pairs are used: half a million cosines, computed in a few milliseconds."""

ROUNDING = 2e-6
"""Cosines that differ by at most this count as equal."""


@dataclass(frozen=True, eq=False)
class RandomPairs:
    """Distribution of the cosine similarity of random pairs of posters of one catalogue.

    A cosine alone says little: the mean over random pairs is 0.0 in one embedding and 0.6 in another. `closer_than`
    says how unusual a cosine is.

    Attributes:
        cosines: (P,) float32, ascending: the cosines of all pairs of up to 1,000 posters, sampled with a fixed seed.
    """

    cosines: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: npt.ArrayLike) -> "RandomPairs":
        """Compute the distribution from (N, E) embeddings, normalised or not."""
        matrix = np.asarray(vectors)
        unit = normalise_rows(matrix[sampled_rows(len(matrix))])
        return cls(np.sort((unit @ unit.T)[~np.tri(len(unit), dtype=bool)]))

    @classmethod
    def of_index(cls, index: Searchable) -> "RandomPairs":
        """Compute the distribution from an index once; only the sampled vectors are read."""
        if index not in _known:
            _known[index] = cls.of(index.vectors(sampled_rows(len(index))))
        return _known[index]

    def closer_than(self, cosines: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the share of random pairs with a lower cosine, in [0, 1]; NaN if there are fewer than two posters.

        Examples:
            >>> RandomPairs(np.array([-0.2, 0.0, 0.1, 0.4], dtype=np.float32)).closer_than([0.3, 0.9]).tolist()
            [0.75, 1.0]
        """
        # Without this margin, rounding could rank a pair of the sample above itself.
        asked = np.asarray(cosines, dtype=np.float32) - np.float32(ROUNDING)
        if not len(self.cosines):
            return np.full(asked.shape, np.nan)
        return np.searchsorted(self.cosines, asked, side="left") / len(self.cosines)


def known_share(share: float) -> float | None:
    """Return a share for JSON: rounded to six decimals, None if it is NaN."""
    return None if math.isnan(share) else round(float(share), 6)


def percent(share: float | None) -> str:
    """Format a share as a percentage for people; a dash if it is unknown.

    It is rounded down and at most 99.9%, so that the sentence "closer than …" stays true.

    Examples:
        >>> percent(0.979), percent(0.9987), percent(1.0), percent(None)
        ('97%', '99.8%', '99.9%', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    tenths = math.floor(min(share, 0.999) * 1000 + 1e-6)
    return f"{tenths / 10:.1f}%" if tenths >= 990 else f"{tenths // 10}%"


def sampled_rows(count: int) -> npt.NDArray[np.int64]:
    """Return the sampled rows out of ``count``, ascending; the same ones on every call."""
    chosen = np.random.default_rng(0).permutation(count)[:SAMPLE]
    return np.sort(chosen).astype(np.int64)


_known: "weakref.WeakKeyDictionary[Searchable, RandomPairs]" = weakref.WeakKeyDictionary()
