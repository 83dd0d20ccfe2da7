"""Being told to stop: what was done is saved at the next step's end, and the run never counts as done."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


class CutShort(BaseException):
    """A training that was told to stop. Like ``KeyboardInterrupt`` no ``Exception``: nobody may go on after it.

    Args:
        signum: The signal that told it.
        steps: Steps that this process trained and that ``last.ckpt`` holds.
    """

    def __init__(self, signum: int, steps: int = 0) -> None:
        super().__init__(signum, steps)
        self.signal, self.steps = signal.Signals(signum), steps

    @property
    def exit_code(self) -> int:
        """What a shell makes of a process that ends by the signal."""
        return 128 + int(self.signal)


def stop_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C and SIGTERM, in a job of SLURM also the two signals that tell of its time limit; none that is ignored."""
    of_slurm = (signal.SIGUSR1, signal.SIGUSR2) if "SLURM_JOB_ID" in os.environ else ()
    found = (signal.SIGINT, signal.SIGTERM, *of_slurm)
    # A shell has what it runs in the background ignore Ctrl-C.
    return tuple(number for number in found if signal.getsignal(number) is not signal.SIG_IGN)


class StopOnSignal(Callback):
    """Stops a run when a signal tells it to.

    During training it lets the step end (the last of an epoch: the epoch, with its validation), writes the checkpoint
    and raises `CutShort`; processes that train together agree on it, whichever of them was told. Elsewhere it raises at
    once. Lightning's own ways are not taken: on SIGTERM it ends a run as if that were complete, on SLURM's signal it
    writes a checkpoint amid a step, and on Ctrl-C none.

    Ctrl-C that is pressed again does not wait for the step's end: it is a ``KeyboardInterrupt``, as ever.

    Args:
        checkpoint: Where the run's last checkpoint goes.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._told = self._leaving = 0
        self._deferring = self._complete = False
        self._signals: tuple[signal.Signals, ...] = ()
        self._steps = self._first_step = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for the length of the block; only a process's main thread can."""
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
        """The run's folder is complete: a signal no longer makes it undone."""
        self._deferring = self._complete = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """From here on a step is let to end; Lightning has put its own handlers before this."""
        if threading.current_thread() is threading.main_thread():
            self._listen()
        self._first_step = trainer.global_step
        self._deferring = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop where any process was told to; an epoch's last step is left to the epoch's end."""
        self._steps = trainer.global_step - self._first_step
        if batch_idx + 1 < trainer.num_training_batches and (told := self._agreed(trainer, pl_module)):
            trainer.save_checkpoint(self.checkpoint)
            raise CutShort(told, self._steps)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save where any process was told to stop; what the epoch has to log is logged after this."""
        self._leaving = self._agreed(trainer, pl_module)
        if self._leaving:
            trainer.save_checkpoint(self.checkpoint)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the next epoch."""
        if self._leaving:
            raise CutShort(self._leaving, self._steps)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop now if it was told after the last step."""
        self._deferring = False
        if self._told:
            raise CutShort(self._told, self._steps)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Training is over."""
        self._deferring = False

    def _agreed(self, trainer: Trainer, pl_module: LightningModule) -> int:
        """The signal that any of the processes was told by; 0 for none."""
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
            raise CutShort(signum, self._steps)
