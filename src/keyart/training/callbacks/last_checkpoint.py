"""Callback that writes the checkpoint from which an interrupted run resumes."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Callback that writes ``last.ckpt`` at ends of epochs, at a limited rate, and at the end of training.

    The rate is limited because an epoch of a head on cached features takes about a second, and writing its optimizer's
    state a third of that.

    If a time limit ends training within an epoch, the checkpoint is written there and not at the end: at the end,
    Lightning counts the epoch as complete, and a resumed run would skip the rest of it.

    Args:
        folder: Folder of ``last.ckpt``.
        every_seconds: Minimum time between checkpoints, in seconds. An interruption loses at most this much work, or
            one epoch if that takes longer.
        every_n_steps: Also write a checkpoint every this many steps; None: do not.
    """

    def __init__(self, folder: Path, every_seconds: float, every_n_steps: int | None = None) -> None:
        self.path = folder / "last.ckpt"
        self.every_seconds, self.every_n_steps = every_seconds, every_n_steps
        self._saved_at = time.monotonic()
        self._saved_step, self._due, self._amid = -1, False, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._saved_at, self._amid = time.monotonic(), False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save every ``every_n_steps`` steps, and when training stops before the epoch's end."""
        step = trainer.global_step
        last = batch_idx + 1 == trainer.num_training_batches
        self._amid = trainer.should_stop and not last
        requested = bool(self.every_n_steps) and step % (self.every_n_steps or 1) == 0 and step != self._saved_step
        # A run that resumes between an epoch's last step and its end would skip the epoch's validation.
        self._due = self._due or (requested and last)
        if (requested and not last) or self._amid:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if enough time has passed, or if this is the last epoch."""
        over = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        late = self._due or time.monotonic() - self._saved_at >= self.every_seconds
        # All processes must decide alike, because writing a checkpoint synchronises them.
        if trainer.strategy.reduce_boolean_decision((over or late) and not self._amid, all=False):
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at, self._saved_step, self._due = time.monotonic(), trainer.global_step, False
