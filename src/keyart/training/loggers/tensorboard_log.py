"""TensorBoard logger: Lightning's metrics, and at the end the test metrics and pictures."""

from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from keyart.training.loggers import wandb_content as content
from keyart.training.loggers.run_logger import RunResults, Status


class TensorBoardLog(TensorBoardLogger):
    """Logger that writes event files into ``tensorboard/`` of a run's folder.

    Args:
        save_dir: The run's folder.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__(save_dir, name="tensorboard", version="", default_hp_metric=False)
        self._step = 0

    def rewind(self, step: int) -> None:
        """Purge the events of ``step`` and later steps, which will be logged again."""
        self._step = step
        self._kwargs["purge_step"] = step

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Log the metrics of one step."""
        self._step = max(self._step, step or 0)
        super().log_metrics(metrics, step)

    @rank_zero_only
    def log_results(self, results: RunResults) -> None:
        """Log the test metrics, the best checkpoint's validation metrics, and every picture of the run."""
        import numpy as np
        from PIL import Image

        for name, value in content.summary_values(results.metrics).items():
            self.experiment.add_scalar(name, value, self._step)
        for name, file in content.find_pictures(results.folder).items():
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self.experiment.add_image(name, pixels, self._step, dataformats="HWC")

    @rank_zero_only
    def finish(self, status: Status) -> None:
        """Write the remaining events and close the files."""
        self.experiment.flush()
        self.experiment.close()
