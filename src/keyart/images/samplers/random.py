"""Sampler with a random order."""

import numpy as np
import numpy.typing as npt

from keyart.images.samplers.base import Batches, Positions


class RandomSampler(Batches):
    """Sampler with a new random order in each epoch, where each poster occurs once.

    Use it with losses that compare posters with genres, not with each other: classifiers and proxies.

    Args:
        genres: (N, G) bool, multi-hot, of the train split; only N is used here.
        batch_size: Maximum posters in a batch, over all processes; the batches of an epoch differ by at most one in
            size.
        seed: With the epoch, it determines the order.

    Raises:
        InputError: There are no posters, or ``batch_size`` is below 1.

    Examples:
        >>> sampler = RandomSampler(np.ones((5, 1), dtype=bool), batch_size=2, seed=0)
        >>> sorted(int(i) for index in range(3) for i in sampler.batch(0, index))
        [0, 1, 2, 3, 4]
    """

    def __init__(self, genres: npt.NDArray[np.bool_], *, batch_size: int, seed: int = 0) -> None:
        super().__init__(len(genres), batch_size, seed)
        self._order: tuple[int, Positions] | None = None

    def batch(self, epoch: int, index: int) -> Positions:
        """Return the posters of batch ``index`` of ``epoch``: int64 positions without repeats."""
        start, stop = self.span(index)
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self.random(epoch).permutation(self.num_posters)
        return self._order[1][start:stop]
