"""What happens around a sweep."""

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class TellSweepFolder(Callback):
    """Print a sweep's folder as the last line on standard output, as single runs print theirs."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra when all jobs have ended."""
        print(Path(config.hydra.sweep.dir).resolve(), flush=True)  # noqa: T201
