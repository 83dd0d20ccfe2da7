"""What the trainer iterates over: which posters come next. Their pixels are fetched later, in whole batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from keyart.errors import InputError
from keyart.images.samplers.base import Sampler

Batch = dict[str, Any]


class _EpochLoader:
    """The epoch that the trainer is in.

    Lightning calls ``set_epoch`` on a loader's ``sampler`` before each epoch, and after it has made the first epoch's
    iterator: so the epoch is read when a batch is asked for, not when the iterator is made.
    """

    training = False
    # Lightning asks for it where it finds a `sampler`.
    batch_sampler = None

    def __init__(self, rank: int, world_size: int) -> None:
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size} processes")
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    @property
    def sampler(self) -> "_EpochLoader":
        """What Lightning calls ``set_epoch`` on: the loader itself."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``, unless this is the epoch already."""
        self.epoch = epoch

    def _batch(self, positions: npt.NDArray[np.int64]) -> Batch:
        mine = np.ascontiguousarray(positions[self.rank :: self.world_size], dtype=np.int64)
        batch: Batch = {"index": torch.from_numpy(mine), "epoch": self.epoch, "training": self.training}
        if self.world_size > 1:
            batch["sizes"] = [len(positions[rank :: self.world_size]) for rank in range(self.world_size)]
        return batch


class BatchLoader(_EpochLoader):
    """Training batches in the order of a sampler; resumes in the middle of an epoch.

    Each process takes every ``world_size``-th poster of the same global batch, so that together they see what one
    process alone would see.

    Args:
        sampler: Says which posters make up a batch.
        positions: (N,) int64 positions in the catalogue of the sampler's N posters.
        labels: (N,) int64, the one genre that each of them stands for; None: all that its poster has.
        rank: This process, of ``world_size``.
        world_size: Number of processes.

    Raises:
        InputError: A batch has fewer posters than there are processes.
    """

    training = True

    def __init__(
        self,
        sampler: Sampler,
        positions: npt.NDArray[np.int64],
        labels: npt.NDArray[np.int64] | None = None,
        *,
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
        self._handed_out = 0

    def __len__(self) -> int:
        """Batches in a whole epoch, also when it is resumed in its middle."""
        return self._sampler.batches_per_epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of ``epoch``, unless this is the epoch already."""
        if epoch != self.epoch:
            self.epoch, self._handed_out = epoch, 0

    def __iter__(self) -> Iterator[Batch]:
        """The rest of the epoch: ``index`` (B,) int64 positions in the catalogue, ``epoch``, ``training``.

        With labels, also ``label`` (B,) int64.
        """
        while self._handed_out < len(self):
            drawn = self._sampler.batch(self.epoch, self._handed_out)
            batch = self._batch(self._positions[drawn])
            if self._labels is not None:
                batch["label"] = torch.from_numpy(self._labels[drawn][self.rank :: self.world_size].copy())
            self._handed_out += 1
            yield batch
        self._handed_out = 0

    def state_dict(self) -> dict[str, int]:
        """The epoch, and how many of its batches were handed out."""
        return {"epoch": self.epoch, "handed_out": self._handed_out}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue after the last batch that was handed out."""
        self.epoch, self._handed_out = state["epoch"], state["handed_out"]


class EvaluationLoader(_EpochLoader):
    """All posters of a split in order, in batches shared evenly between processes.

    Where the posters cannot be shared evenly the first ones are handed out again at the end, so that every process
    has as many; metrics drop such repeats by their ids.

    Args:
        positions: (N,) int64 positions in the catalogue.
        batch_size: Posters in a batch, over all processes together, rounded up to a multiple of ``world_size``.
        rank: This process, of ``world_size``.
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
        """The split: ``index`` (B,) int64 positions in the catalogue, ``epoch``, and ``training``."""
        for start in range(0, len(self._positions), self._batch_size):
            yield self._batch(self._positions[start : start + self._batch_size])
