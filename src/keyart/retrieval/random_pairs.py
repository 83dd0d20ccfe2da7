"""What a cosine is worth: its percentile among random pairs of posters."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keyart.retrieval.searchable import Searchable
from keyart.utils.vectors import unit_rows

SAMPLE = 1000
"""Posters of which all pairs are taken: half a million cosines, in some milliseconds."""

ROUNDING = 2e-6
"""Difference of cosines that counts as none."""


@dataclass(frozen=True, eq=False)
class RandomPairs:
    """Cosines of random pairs of posters of one catalogue.

    A bare cosine says little: in one embedding random posters lie at 0.0, in another at 0.6. `closer_than` says how
    unusual it is.

    Attributes:
        cosines: (P,) float32, ascending; of all pairs of up to 1,000 posters that a fixed seed draws.
    """

    cosines: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: npt.ArrayLike) -> "RandomPairs":
        """Of the posters of (N, E) embeddings, normalised or not."""
        matrix = np.asarray(vectors)
        unit = unit_rows(matrix[sampled_rows(len(matrix))])
        return cls(np.sort((unit @ unit.T)[np.triu_indices(len(unit), 1)]))

    @classmethod
    def of_index(cls, index: Searchable) -> "RandomPairs":
        """Of an index's posters; only the sampled vectors are read."""
        return cls.of(index.vectors(sampled_rows(len(index))))

    def closer_than(self, cosines: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The share of random pairs whose cosine is lower, in [0, 1]; NaN where there are no two posters.

        Examples:
            >>> RandomPairs(np.array([-0.2, 0.0, 0.1, 0.4], dtype=np.float32)).closer_than([0.3, 0.9]).tolist()
            [0.75, 1.0]
        """
        # A pair that is in the sample shall not count as farther than itself by rounding.
        asked = np.asarray(cosines, dtype=np.float32) - np.float32(ROUNDING)
        if not len(self.cosines):
            return np.full(asked.shape, np.nan)
        return np.searchsorted(self.cosines, asked, side="left") / len(self.cosines)


def known_share(share: float) -> float | None:
    """A share as JSON holds it: six digits, None where it is NaN."""
    return None if math.isnan(share) else round(float(share), 6)


def percent(share: float | None) -> str:
    """A share for people, rounded down and at most 99.9%: "closer than …" stays true; a dash where it is unknown.

    Examples:
        >>> percent(0.979), percent(0.9987), percent(1.0), percent(None)
        ('97%', '99.8%', '99.9%', '–')
    """
    if share is None or math.isnan(share):
        return "–"
    tenths = math.floor(min(share, 0.999) * 1000 + 1e-6)
    return f"{tenths / 10:.1f}%" if tenths >= 990 else f"{tenths // 10}%"


def sampled_rows(count: int) -> npt.NDArray[np.int64]:
    """The rows, of ``count``, whose pairs are taken: the same ones each time."""
    chosen = np.random.default_rng(0).permutation(count)[:SAMPLE]
    return np.sort(chosen).astype(np.int64)
