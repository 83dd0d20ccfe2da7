"""The checkpoint that a cut-short run continues from."""

import time
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` at the ends of epochs, but not more often than is worth its time, and at the very end.

    Where a time limit ends training amid an epoch, it is written there: at its end Lightning takes the epoch for
    complete, and a resumed run would lose the rest of it.

    An epoch of a head on cached features takes about a second, and writing its optimiser's state a third of that.

    Args:
        folder: Where ``last.ckpt`` goes.
        every_seconds: At most this much work is lost when a run is cut short, or one epoch where that takes longer.
        every_n_steps: Besides, after every so many steps; None for not.
    """

    def __init__(self, folder: Path, every_seconds: float, every_n_steps: int | None = None) -> None:
        self.path = folder / "last.ckpt"
        self.every_seconds, self.every_n_steps = every_seconds, every_n_steps
        self._saved_at = time.monotonic()
        self._saved_step, self._due, self._amid = -1, False, False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count time."""
        self._saved_at, self._amid = time.monotonic(), False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save after every so many steps, and where training stops before the epoch's end."""
        step = trainer.global_step
        last = batch_idx + 1 == trainer.num_training_batches
        self._amid = trainer.should_stop and not last
        wanted = bool(self.every_n_steps) and step % (self.every_n_steps or 1) == 0 and step != self._saved_step
        # Resumed from between an epoch's last step and its end, a run would pass over its validation.
        self._due = self._due or (wanted and last)
        if (wanted and not last) or self._amid:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save where enough time has passed, or nothing will follow."""
        over = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        late = self._due or time.monotonic() - self._saved_at >= self.every_seconds
        # Processes must agree: writing a checkpoint is a meeting of all of them.
        if trainer.strategy.reduce_boolean_decision((over or late) and not self._amid, all=False):
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved_at, self._saved_step, self._due = time.monotonic(), trainer.global_step, False
