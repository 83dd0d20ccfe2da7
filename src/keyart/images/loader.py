"""Batch loaders that yield only positions of posters; the pixels are fetched later, in whole batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from keyart.errors import InputError
from keyart.images.samplers.base import Sampler

Batch = dict[str, Any]


class _EpochLoader:
    """Base class of the loaders; it knows the trainer's current epoch.

    Lightning calls ``set_epoch`` on a loader's ``sampler`` before each epoch, and after it has created the first
    epoch's iterator. So the epoch is read when a batch is requested, not when the iterator is created.
    """

    training = False
    # Lightning reads this attribute if a loader has a `sampler`.
    batch_sampler = None

    def __init__(self, rank: int, world_size: int) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size} processes")
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    @property
    def sampler(self) -> "_EpochLoader":
        """The object on which Lightning calls ``set_epoch``: the loader itself."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Set the current epoch."""
        self.epoch = epoch

    def _batch(self, positions: npt.NDArray[np.int64]) -> Batch:
        mine = np.ascontiguousarray(positions[self.rank :: self.world_size], dtype=np.int64)
        batch: Batch = {"index": torch.from_numpy(mine), "epoch": self.epoch, "training": self.training}
        if self.world_size > 1:
            batch["sizes"] = [len(positions[rank :: self.world_size]) for rank in range(self.world_size)]
        return batch


class BatchLoader(_EpochLoader):
    """Loader of training batches in the order of a sampler; it can resume in the middle of an epoch.

    Each process takes every ``world_size``-th poster of the same global batch, so all processes combined use the same
    posters as a single process would.

    Args:
        sampler: Selects the posters of each batch.
        positions: (N,) int64 positions in the catalogue of the sampler's N posters.
        labels: (N,) int64, the single genre of each row; None: all genres of the poster.
        repeat: Whether each epoch has the batches of the first one.
        rank: Rank of this process.
        world_size: Number of processes.

    Raises:
        InputError: A batch has fewer posters than there are processes.
        ValueError: The sampler's number of posters differs from N, or ``rank`` is out of range.
    """

    training = True

    def __init__(
        self,
        sampler: Sampler,
        positions: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64] | None = None,
        *,
        repeat: bool = False,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__(rank, world_size)
        if sampler.num_posters != len(positions):
            raise ValueError(
                f"the sampler draws from {sampler.num_posters} posters, not the {len(positions)} to train on"
            )
        smallest = sampler.num_posters // sampler.batches_per_epoch
        if smallest < world_size:
            raise InputError(
                f"sampler.batch_size: batches of {smallest} posters cannot be shared by {world_size} processes;"
                " raise it, or lower trainer.devices"
            )
        self._sampler = sampler
        self._positions, self._labels = positions, labels
        self._repeat, self._yielded = repeat, 0

    def __len__(self) -> int:
        """Return the number of batches in a full epoch, also if the epoch was resumed in the middle."""
        return self._sampler.batches_per_epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``, unless it is already the current epoch."""
        if epoch != self.epoch:
            self.epoch, self._yielded = epoch, 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield the remaining batches of the epoch.

        A batch contains ``index`` (B,) int64 positions in the catalogue, ``epoch`` and ``training``. With labels, it
        also contains ``label`` (B,) int64; with several processes, also ``sizes``, the number of rows of each process.
        """
        while self._yielded < len(self):
            drawn = self._sampler.batch(0 if self._repeat else self.epoch, self._yielded)
            batch = self._batch(self._positions[drawn])
            if self._labels is not None:
                batch["label"] = torch.from_numpy(self._labels[drawn][self.rank :: self.world_size].copy())
            self._yielded += 1
            yield batch
        self._yielded = 0

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and its number of yielded batches."""
        return {"epoch": self.epoch, "yielded": self._yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume after the last batch that was yielded."""
        # Version 0.1 wrote `handed_out`.
        self.epoch, self._yielded = state["epoch"], state["yielded" if "yielded" in state else "handed_out"]


class EvaluationLoader(_EpochLoader):
    """Loader of all posters of a split in order, divided evenly between processes.

    If the posters cannot be divided evenly, the first ones are repeated at the end, so that every process has the same
    number. Metrics remove these repeats by their ids.

    Args:
        positions: (N,) int64 positions in the catalogue.
        batch_size: Posters in a batch, summed over all processes, rounded up to a multiple of ``world_size``.
        rank: Rank of this process.
        world_size: Number of processes.
    """

    def __init__(
        self, positions: npt.NDArray[np.int64], batch_size: int, *, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__(rank, world_size)
        self._positions = np.resize(positions, -(-len(positions) // world_size) * world_size)
        self._batch_size = -(-max(batch_size, 1) // world_size) * world_size

    def __len__(self) -> int:
        return -(-len(self._positions) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of the split: ``index`` (B,) int64 positions in the catalogue, ``epoch``, ``training``."""
        for start in range(0, len(self._positions), self._batch_size):
            yield self._batch(self._positions[start : start + self._batch_size])
