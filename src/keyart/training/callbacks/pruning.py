"""Callback that stops trials of a hyper-parameter search which are unlikely to become the best."""

import logging
import math
from typing import TYPE_CHECKING

from lightning.pytorch import Callback, LightningModule, Trainer

from keyart.training.early_ends import TrialPruned

if TYPE_CHECKING:
    from keyart.runs.sweep.study import TrialReporter

log = logging.getLogger(__name__)


class Pruning(Callback):
    """Callback that reports each epoch's last validation to a search's study and stops the run if the study says so.

    The run stops before the next epoch, after the epoch's metrics and checkpoints are written. A run whose last epoch
    is over ends normally. The first process reports, and all processes stop at the same epoch. A study that cannot be
    reached does not stop a run: a warning names the cause.

    Args:
        reporter: Reports to the study.
        monitor: The metric to report.

    Raises:
        TrialPruned: At the start of the first epoch that is not trained.
    """

    def __init__(self, reporter: "TrialReporter", monitor: str) -> None:
        self.reporter, self.monitor = reporter, monitor
        self._value: float | None = None
        self._stops = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the monitor of this validation."""
        if not trainer.sanity_checking and self.monitor in trainer.callback_metrics:
            self._value = float(trainer.callback_metrics[self.monitor])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the last validation of the epoch, if it had one."""
        if self._value is None or not math.isfinite(self._value):
            return
        stops = trainer.is_global_zero and self._report(self._value, trainer.current_epoch + 1)
        self._stops = bool(trainer.strategy.broadcast(stops))
        if not self._stops:
            self._value = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the next epoch if the study asked for it."""
        if self._stops and self._value is not None:
            raise TrialPruned(trainer.current_epoch, self._value)

    def _report(self, value: float, epoch: int) -> bool:
        try:
            return self.reporter.should_stop(value, epoch)
        except Exception as error:
            log.warning("the validation after epoch %d was not reported to the study: %s", epoch, error)
            return False
