"""CSV logger that keeps the metrics of a run across interruptions."""

import csv
import io
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.logger import _add_prefix
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from keyart.utils.files import write_text
from keyart.utils.reading import faults_of


class CSVLog(Logger):
    """Logger that writes ``metrics.csv``, with one row per step and one column per metric.

    Lightning's own CSV logger deletes the rows of an interrupted run when that run is resumed. This one keeps them:
    :meth:`rewind` drops only the rows after the checkpoint, so that the file of a resumed run equals that of an
    uninterrupted one.

    Args:
        folder: The run's folder.
        prefix: Prefix of each metric's name.
    """

    def __init__(self, folder: str | Path, prefix: str = "") -> None:
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self.prefix = prefix
        self.rows: list[dict[str, Any]] = []
        if self.path.is_file():
            fix = "remove it, and the run goes on without its earlier rows"
            with faults_of(self.path, fix, csv.Error), self.path.open(newline="", encoding="utf-8") as file:
                rows = [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(file)]
                self.rows = [row for row in rows if int(row["step"]) >= 0]

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Empty: a run has one file, without versions."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> "CSVLog":
        """The logger itself."""
        return self

    def rewind(self, step: int) -> None:
        """Drop the rows of ``step`` and later steps, which will be logged again."""
        self.rows = [row for row in self.rows if int(row["step"]) < step]

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run's ``config.yaml`` holds the hyper-parameters."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add the metrics of one step (several calls for one step share its row)."""
        at = 0 if step is None else int(step)
        values = {k: float(v) for k, v in _add_prefix(metrics, self.prefix, "/").items()}
        if self.rows and int(self.rows[-1]["step"]) == at:
            self.rows[-1].update(values)
        else:
            self.rows.append({"step": at, **values})

    @rank_zero_only
    def save(self) -> None:
        """Write the file atomically."""
        if not self.rows:
            return
        columns = ["step", *sorted({key for row in self.rows for key in row} - {"step"})]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the remaining rows."""
        self.save()
