"""Shuffled packs of posters that keep the number of visits per epoch even."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keyart.images.samplers.base import Positions


class Packs:
    """Shuffled packs of posters, one per class; a poster may be in several packs.

    A poster that was already visited, through any pack, is skipped until the pack's other posters have been visited.

    Args:
        members: The posters of each pack.
        num_posters: N.
        random: Shuffles the packs.
    """

    def __init__(self, members: Sequence[Positions], num_posters: int, random: np.random.Generator) -> None:
        self._packs = [random.permutation(posters) for posters in members]
        self._at = [0] * len(self._packs)
        self._rounds = [0] * len(self._packs)
        self._visits = np.zeros(num_posters, dtype=np.int64)

    def deal(self, pack: int, count: int, inside: npt.NDArray[np.bool_]) -> Positions:
        """Draw ``count`` posters from a pack that are not in the batch yet; the pack must contain enough of them.

        Args:
            pack: Index of the pack.
            count: Number of posters to draw.
            inside: (N,) mask of the posters in the batch; the drawn posters are added to it.

        Returns:
            (``count``,) int64 positions.
        """
        posters = self._packs[pack]
        dealt: list[Positions] = []
        while count > 0:
            at = self._at[pack]
            window = posters[at : at + 2 * count + 8]
            free = np.flatnonzero((self._visits[window] <= self._rounds[pack]) & ~inside[window])[:count]
            taken = window[free]
            inside[taken] = True
            self._visits[taken] += 1
            dealt.append(taken)
            count -= len(taken)
            self._at[pack] = at + (int(free[-1]) + 1 if count == 0 else len(window))
            if self._at[pack] >= len(posters):
                self._at[pack] = 0
                self._rounds[pack] += 1
        return np.concatenate(dealt) if dealt else np.empty(0, dtype=np.int64)
