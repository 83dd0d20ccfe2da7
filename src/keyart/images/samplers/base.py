"""Sampler interface and base class: N posters per epoch in batches that are pure functions of (seed, epoch, batch)."""

from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError

Positions = npt.NDArray[np.int64]


@runtime_checkable
class Sampler(Protocol):
    """Protocol of samplers: batches of positions in the N posters of the train split.

    Attributes:
        num_posters: N.
        batches_per_epoch: ⌈N / batch size⌉. The batch sizes differ by at most one and sum to N.
    """

    num_posters: int
    batches_per_epoch: int

    def batch(self, epoch: int, index: int) -> Positions:
        """Return the posters of batch ``index`` of ``epoch``: int64 positions without repeats."""


class Batches:
    """Base class of samplers: N visits per epoch, divided into batches of balanced sizes.

    Args:
        num_posters: N.
        batch_size: Maximum number of posters in a batch.
        seed: Seed of all random choices.

    Raises:
        InputError: There are no posters, or ``batch_size`` is below 1.
    """

    def __init__(self, num_posters: int, batch_size: int, seed: int) -> None:
        if num_posters < 1:
            raise InputError("the train split holds no posters: lower data.split.val or data.split.test")
        if batch_size < 1:
            raise InputError(f"sampler.batch_size={batch_size}: give at least 1")
        self.num_posters = num_posters
        self.batch_size = batch_size
        self.batches_per_epoch = -(-num_posters // batch_size)
        self.seed = seed

    def span(self, index: int) -> tuple[int, int]:
        """Return the first visit of a batch and the first visit of the next batch."""
        if not 0 <= index < self.batches_per_epoch:
            raise IndexError(f"batch {index} of {self.batches_per_epoch}")
        return (
            index * self.num_posters // self.batches_per_epoch,
            (index + 1) * self.num_posters // self.batches_per_epoch,
        )

    def random(self, *at: int) -> np.random.Generator:
        """Return a random generator for an epoch, or for one of its batches: the same for equal seed and arguments."""
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, *at])))
