"""Rating scales: 0/1, five stars, ten points and percent."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError

#: Best possible ratings of the known scales: 0/1, five stars, ten points, percent.
BEST = (1.0, 5.0, 10.0, 100.0)
LIKED_SHARE = 0.8
"""Fraction of the best rating from which a film counts as liked: four of five stars, eight of ten points."""


@dataclass(frozen=True)
class RatingScale:
    """Scale of the ratings in a history.

    Attributes:
        best: The best possible rating.
        liked_from: The lowest rating that counts as a like.
        lowest: The lowest rating in the history.
        highest: The highest rating in the history.
        found: Whether ``best`` was inferred from the ratings; False: it was set explicitly.
    """

    best: float
    liked_from: float
    lowest: float
    highest: float
    found: bool

    def __str__(self) -> str:
        how = "inferred from the data" if self.found else "as set"
        return f"ratings from {self.lowest:g} to {self.highest:g} on a scale up to {self.best:g} ({how})"

    @classmethod
    def of(
        cls,
        ratings: npt.NDArray[np.float64],
        source: Path,
        best: float | None = None,
        liked_from: float | None = None,
    ) -> "RatingScale":
        """Infer the scale of ratings: the smallest known scale that contains all of them, unless ``best`` is set.

        Args:
            ratings: (E,) at least one, all finite.
            source: Their table, for messages.
            best: The best possible rating; None: 1 if no rating is above 1, else 5, 10 or 100.
            liked_from: The lowest rating that counts as a like; None: 80% of the best rating (1 for 0/1 ratings).

        Raises:
            InputError: No known scale contains the ratings, or ``best`` or ``liked_from`` does not fit them.

        Examples:
            >>> [RatingScale.of(np.array(one), Path("h.csv")).liked_from for one in ([0, 1.0], [0.5, 5], [3, 10.0])]
            [1.0, 4.0, 8.0]
        """
        low, high = float(ratings.min()), float(ratings.max())
        if best is None:
            fitting = [one for one in BEST if high <= one]
            if low < 0 or not fitting:
                raise InputError(
                    f"{source}: ratings from {low:g} to {high:g} do not fit a known scale (0/1, 5, 10, 100);"
                    " remove rows that are not rated, or set the best rating with ``rating_scale``"
                )
            top = fitting[0]
        else:
            top = best
            if not 0 < best < np.inf:
                raise InputError("name the best rating, such as 5 or 10", parameter="rating_scale", value=best)
            if high > best:
                raise InputError(
                    f"{source} holds ratings up to {high:g}; name the best one", parameter="rating_scale", value=best
                )
        if liked_from is None:
            binary = top == 1 and bool(np.isin(ratings, (0.0, 1.0)).all())
            liked_from = 1.0 if binary else LIKED_SHARE * top
        elif not liked_from <= top:
            raise InputError(
                f"the best rating is {top:g}; name a rating up to it", parameter="liked_from", value=liked_from
            )
        return cls(top, liked_from, low, high, best is None)
