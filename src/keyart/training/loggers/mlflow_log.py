"""MLflow logger: Lightning's metrics, and at the end the test metrics, pictures and status."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger
from lightning.pytorch.utilities import rank_zero_only

from keyart.training.loggers import wandb_content as content
from keyart.training.loggers.run_logger import RunResults, Status

_STATUS: dict[Status, str] = {"finished": "FINISHED", "failed": "FAILED", "preempted": "KILLED"}


class MlflowLog(MLFlowLogger):
    """Logger that writes to an MLflow server or file.

    Args:
        save_dir: The run's folder.
        options: Arguments of `lightning.pytorch.loggers.MLFlowLogger`.
    """

    def __init__(self, save_dir: str | Path, **options: Any) -> None:
        super().__init__(save_dir=str(save_dir), **options)
        self._step = 0

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log the metrics of one step."""
        self._step = max(self._step, step or 0)
        super().log_metrics(metrics, step)

    @rank_zero_only
    def log_results(self, results: RunResults) -> None:
        """Log the test metrics, the best validation metrics, and every picture of the run as an artifact."""
        self.log_metrics(content.summary_values(results.metrics), self._step)
        for file in content.find_pictures(results.folder).values():
            self.experiment.log_artifact(self.run_id, str(file), "pictures")

    @rank_zero_only
    def finish(self, status: Status) -> None:
        """End the run with its status."""
        if self._initialized:
            self.experiment.set_terminated(self.run_id, _STATUS[status])
