"""Progress of training on standard error: a bar on a terminal, one line per epoch elsewhere."""

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar


class PosterProgress(RichProgressBar):
    """Progress display on standard error; standard output is reserved for the run folder's path.

    On a terminal it is Lightning's rich bar, with one line of metrics per epoch above it. Elsewhere (a log file, a
    pipe, a batch job) it prints only these lines, and one after a test. Only the first process prints.

    A value is shown only in the epoch in which it was computed: epochs without validation show no old validation
    metrics.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        super().__init__(refresh_rate=10 if self._terminal else 0, console_kwargs={"stderr": True})
        self._began = time.monotonic()
        self._speaks = True
        #: Epoch in which the metrics of each kind were computed.
        self._computed: dict[str, int | None] = {"train": None, "val": None}

    def disable(self) -> None:
        """Stop printing."""
        super().disable()
        self._speaks = False

    def enable(self) -> None:
        """Resume printing."""
        super().enable()
        self._speaks = True

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print on standard error."""
        super().print(*args, **{"file": sys.stderr} | kwargs)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the metrics of this epoch that were logged for the bar, without the logger's version number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        now = trainer.current_epoch
        # Lightning keeps a metric until it is computed again.
        return {name: v for name, v in metrics.items() if self._computed.get(name.partition("/")[0], now) == now}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the epoch's clock."""
        super().on_train_epoch_start(trainer, pl_module)
        self._began = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch of the validation's metrics."""
        if not trainer.sanity_checking:
            self._computed["val"] = trainer.current_epoch
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the epoch's line."""
        self._computed["train"] = trainer.current_epoch
        super().on_train_epoch_end(trainer, pl_module)
        last = "" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}"
        self._line(f"epoch {trainer.current_epoch + 1}{last}", self.get_metrics(trainer, pl_module))

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the test's clock."""
        super().on_test_epoch_start(trainer, pl_module)
        self._began = time.monotonic()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the test's line."""
        super().on_test_end(trainer, pl_module)
        self._line("test", self.get_metrics(trainer, pl_module))

    def _line(self, head: str, metrics: dict[str, Any]) -> None:
        if not self._speaks:
            return
        parts = [head, *(f"{name} {_number(value)}" for name, value in metrics.items())]
        line = "  ".join([*parts, f"({time.monotonic() - self._began:.1f} s)"])
        if self._terminal and self._console is not None:
            # The bar's own console prints the line above the bar.
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
            return
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _number(value: Any) -> str:
    return f"{float(value):.4f}" if isinstance(value, int | float) or hasattr(value, "item") else str(value)
