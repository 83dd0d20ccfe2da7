"""Sampler with at least m posters of each drawn genre."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.images.samplers.base import Batches, Positions
from keyart.images.samplers.even_visits import Packs


class MPerClassSampler(Batches):
    """Sampler with at least m posters of each drawn genre, for posters with several genres.

    For a batch of B posters, ⌊B / m⌋ genres are drawn (with replacement), with probability proportional to ``count **
    tempering``, where the count is the number of posters of the genre. Genres are then filled, the rarest first, to m
    posters for each time that they were drawn. Posters already in the batch count, and a genre with fewer posters
    contributes all of them. Posters with several genres fill several at once, so some places stay free. They are filled
    from genres drawn in the same way, one poster per draw, and then with random posters.

    Within an epoch, every genre has its own shuffled pack. A poster that was already visited, through any genre, is
    skipped until the pack's other posters have been visited, so visits are as even as the drawn genres allow. An epoch
    has as many visits as the train split has posters; posters of rare genres are visited more than once.

    Use it with any loss that compares posters with each other: each batch holds positives, also of rare genres.

    Args:
        genres: (N, G) bool, multi-hot, of the train split.
        batch_size: B, over all processes; the batches of an epoch differ by at most one in size.
        m: Minimum number of posters of each drawn genre.
        tempering: 1: genres are drawn in proportion to their frequency; 0: all genres are equally likely.
        seed: With the epoch, it determines all batches.

    Raises:
        InputError: There are no posters, m is below 1, or m is larger than a batch.
    """

    def __init__(
        self, genres: npt.NDArray[np.bool_], *, batch_size: int, m: int, tempering: float = 0.5, seed: int = 0
    ) -> None:
        super().__init__(len(genres), batch_size, seed)
        if m < 1:
            raise InputError(f"sampler.m={m}: give at least 1")
        if m > batch_size:
            raise InputError(
                f"sampler.m={m} is larger than sampler.batch_size={batch_size}:"
                " lower sampler.m or raise sampler.batch_size"
            )
        smallest = self.num_posters // self.batches_per_epoch
        if m > smallest and self.batches_per_epoch > 1:
            raise InputError(
                f"sampler.m={m}: {self.num_posters} train posters and sampler.batch_size={batch_size} make"
                f" {self.batches_per_epoch} batches of {smallest}; lower sampler.m to {smallest}"
            )
        self.m = m
        self.tempering = tempering
        self.genres = np.ascontiguousarray(genres, dtype=bool)
        self.counts = self.genres.sum(0)
        self._epoch: _Epoch | None = None

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Probability (G,) of each genre in each draw; 0 for a genre without posters."""
        weights = np.where(self.counts > 0, self.counts.astype(np.float64) ** self.tempering, 0.0)
        total = weights.sum()
        return weights / total if total > 0 else weights

    @cached_property
    def members(self) -> list[Positions]:
        """Posters of each genre; the last item contains all posters, as one additional genre."""
        return [*(np.flatnonzero(column) for column in self.genres.T), np.arange(self.num_posters)]

    def draw(self, epoch: int, index: int) -> tuple[Positions, Positions]:
        """Return a batch and how often each genre was drawn for it.

        Returns:
            (B,) int64 positions without repeats; and (G,) int64, how often each genre was drawn. At least min(m ×
            times, count) of the posters have the genre.
        """
        self.span(index)
        if self._epoch is None or self._epoch.number != epoch:
            self._epoch = _Epoch(self, epoch)
        return self._epoch.draw(index)

    def batch(self, epoch: int, index: int) -> Positions:
        """Return the posters of batch ``index`` of ``epoch``: int64 positions without repeats."""
        return self.draw(epoch, index)[0]


class _Epoch:
    """Batches of one epoch, built in order as far as requested."""

    def __init__(self, sampler: MPerClassSampler, number: int) -> None:
        self.number = number
        self._sampler = sampler
        self._random = sampler.random(number)
        self._packs = Packs(sampler.members, sampler.num_posters, self._random)
        self._rarest_first = np.argsort(sampler.counts, kind="stable")
        self._made: list[tuple[Positions, Positions]] = []

    def draw(self, index: int) -> tuple[Positions, Positions]:
        while len(self._made) <= index:
            self._made.append(self._next())
        return self._made[index]

    def _next(self) -> tuple[Positions, Positions]:
        sampler = self._sampler
        start, stop = sampler.span(len(self._made))
        size = stop - start
        inside = np.zeros(sampler.num_posters, dtype=bool)
        having = np.zeros(len(sampler.counts), dtype=np.int64)
        chosen: list[Positions] = []

        def deal(pack: int, count: int) -> int:
            dealt = self._packs.deal(pack, count, inside)
            chosen.append(dealt)
            having[:] += sampler.genres[dealt].sum(0)
            return len(dealt)

        drawn = self._times(max(1, size // sampler.m))
        for genre in self._rarest_first[drawn[self._rarest_first] > 0]:
            goal = min(sampler.m * drawn[genre], sampler.counts[genre])
            size -= deal(genre, max(0, goal - having[genre]))
        singles = self._times(size)
        for genre in self._rarest_first[singles[self._rarest_first] > 0]:
            size -= deal(genre, min(singles[genre], sampler.counts[genre] - having[genre]))
        deal(-1, size)
        return self._random.permutation(np.concatenate(chosen)), drawn

    def _times(self, draws: int) -> Positions:
        chances = self._sampler.probabilities
        return self._random.multinomial(draws, chances) if chances.any() else np.zeros(len(chances), dtype=np.int64)
