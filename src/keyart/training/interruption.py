"""Graceful stop on signals: the state is saved at the end of the step, and the run does not count as finished."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from keyart.training.early_ends import TrainingInterrupted, stop_signals

log = logging.getLogger(__name__)


class StopOnSignal(Callback):
    """Callback that stops a run when it receives a signal.

    During training it waits for the end of the step (for an epoch's last step: for the end of the epoch, with its
    validation), writes the checkpoint and raises `TrainingInterrupted`. With several processes, a signal to any one of
    them stops all at the same step. Outside training it raises immediately.

    It replaces Lightning's own handling: on SIGTERM Lightning ends a run as if it were complete, on SLURM's signal it
    writes a checkpoint in the middle of a step, and on Ctrl-C it writes none.

    A second Ctrl-C does not wait for the end of the step: it raises ``KeyboardInterrupt`` immediately.

    Args:
        checkpoint: Path of the run's last checkpoint.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._told = self._leaving = 0
        self._deferring = self._complete = False
        self._signals: tuple[signal.Signals, ...] = ()
        self._steps = self._first_step = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Install the signal handlers for the duration of the block.

        Outside a process's main thread this does nothing, because Python sets signal handlers only there.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._signals = stop_signals()
        before = {number: signal.getsignal(number) for number in self._signals}
        self._listen()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def complete(self) -> None:
        """Record that the run's folder is complete: a signal no longer makes the run count as interrupted."""
        self._deferring = self._complete = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the handlers again, because Lightning has replaced them, and wait for step ends from now on."""
        if threading.current_thread() is threading.main_thread():
            self._listen()
        self._first_step = trainer.global_step
        self._deferring = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop if any process received a signal; the last step of an epoch is handled at the epoch's end."""
        self._steps = trainer.global_step - self._first_step
        if batch_idx + 1 < trainer.num_training_batches and (found := self._agreed(trainer, pl_module)):
            trainer.save_checkpoint(self.checkpoint)
            raise TrainingInterrupted(found, self._steps)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if any process received a signal; the run stops later, so that the epoch's metrics are still logged."""
        self._leaving = self._agreed(trainer, pl_module)
        if self._leaving:
            trainer.save_checkpoint(self.checkpoint)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the next epoch if a signal arrived in the last one."""
        if self._leaving:
            raise TrainingInterrupted(self._leaving, self._steps)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop if a signal arrived after the last step."""
        self._deferring = False
        if self._told:
            raise TrainingInterrupted(self._told, self._steps)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End the waiting for step ends: training is over."""
        self._deferring = False

    def _agreed(self, trainer: Trainer, pl_module: LightningModule) -> int:
        """Return the signal that any of the processes received; 0 for none."""
        if trainer.world_size == 1:
            return self._told
        return int(trainer.strategy.reduce(torch.tensor(self._told, device=pl_module.device), reduce_op="max"))

    def _listen(self) -> None:
        for number in self._signals:
            signal.signal(number, self._tell)

    def _tell(self, signum: int, frame: FrameType | None) -> None:
        first, self._told = not self._told, signum
        if signum == signal.SIGINT and (self._complete or not first):
            raise KeyboardInterrupt
        if self._deferring:
            return
        if first:
            raise TrainingInterrupted(signum, self._steps)
