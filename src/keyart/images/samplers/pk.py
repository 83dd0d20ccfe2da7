"""Sampler with P classes and K posters of each."""

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.images.samplers.base import Batches, Positions
from keyart.images.samplers.even_visits import Packs


class PKSampler(Batches):
    """Sampler with P classes × K posters (Hermans et al. 2017, arXiv 1703.07737), K = m, P = ⌈batch size / m⌉.

    Classes do not overlap: a class contains the posters of exactly one genre set, or of one value of a column (see
    `class_labels`). A batch draws classes without replacement, with probability proportional to ``count ** tempering``,
    and takes m posters of each. A class with fewer posters contributes all of them, and the last class only fills the
    remaining places. Classes with a single poster are never drawn, because they contain no pair. If all classes do not
    fill a batch, each contributes up to m more, and finally other posters fill it.

    Within an epoch, every class has its own shuffled pack, so that its posters are visited evenly.

    Use it with single labels, or to compare posters of one film or decade: ``sampler.column`` says what a class is.

    Args:
        genres: (N, G) bool, multi-hot, of the train split; only N is used here.
        labels: (N,) int64 class of each poster; negative for none.
        batch_size: Maximum posters in a batch, over all processes; the batches of an epoch differ by at most one in
            size.
        m: K.
        tempering: 1: classes are drawn in proportion to their size; 0: all classes are equally likely.
        column: The column of the labels, for messages.
        seed: With the epoch, it determines all batches.

    Raises:
        InputError: There are no posters, no two posters share a class, m is below 2, or m is larger than a batch.
    """

    def __init__(
        self,
        genres: npt.NDArray[np.bool_],
        labels: npt.NDArray[np.int64],
        *,
        batch_size: int,
        m: int,
        tempering: float = 0.5,
        column: str = "genres",
        seed: int = 0,
    ) -> None:
        super().__init__(len(genres), batch_size, seed)
        if len(labels) != len(genres):
            raise ValueError(f"{len(labels)} labels for {len(genres)} posters")
        if m < 2:
            raise InputError(f"sampler.m={m}: give at least 2, so that a class makes a pair")
        if m > batch_size:
            raise InputError(
                f"sampler.m={m} is larger than sampler.batch_size={batch_size}:"
                " lower sampler.m or raise sampler.batch_size"
            )
        values, counts = np.unique(labels[labels >= 0], return_counts=True)
        if not (counts > 1).any():
            raise InputError(
                f"sampler.column={column}: no two train posters share a value of it; choose another, or sampler=random"
            )
        self.m = m
        shared = values[counts > 1]
        #: Posters of each class that can be drawn; the last item contains all posters, as one additional class.
        self.members: list[Positions] = [
            *(np.flatnonzero(labels == value) for value in shared),
            np.arange(self.num_posters),
        ]
        self.counts = counts[counts > 1]
        weights = self.counts.astype(np.float64) ** tempering
        #: (C,) probability that each class is the first of a batch.
        self.probabilities: npt.NDArray[np.float64] = weights / weights.sum()
        self._epoch: tuple[int, np.random.Generator, Packs, list[Positions]] | None = None

    def batch(self, epoch: int, index: int) -> Positions:
        """Return the posters of batch ``index`` of ``epoch``: int64 positions without repeats."""
        self.span(index)
        if self._epoch is None or self._epoch[0] != epoch:
            random = self.random(epoch)
            self._epoch = epoch, random, Packs(self.members, self.num_posters, random), []
        _, random, packs, created = self._epoch
        while len(created) <= index:
            start, stop = self.span(len(created))
            created.append(self._next(stop - start, random, packs))
        return created[index]

    def _next(self, room: int, random: np.random.Generator, packs: Packs) -> Positions:
        inside = np.zeros(self.num_posters, dtype=bool)
        left = self.counts.copy()
        chosen: list[Positions] = []
        order = np.argsort(random.standard_exponential(len(left)) / self.probabilities, kind="stable")
        while room > 0 and left.any():
            for drawn in order[left[order] > 0]:
                requested = min(self.m, int(left[drawn]), room)
                chosen.append(packs.deal(int(drawn), requested, inside))
                left[drawn] -= requested
                room -= requested
                if room == 0:
                    break
        chosen.append(packs.deal(len(left), room, inside))
        return random.permutation(np.concatenate(chosen))
