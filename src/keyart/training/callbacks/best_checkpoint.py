"""Callback that keeps the checkpoint of the best validation."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from keyart.errors import InputError


class BestCheckpoint(ModelCheckpoint):
    """Callback that keeps ``best.ckpt``, the state after the best validation so far.

    Its own state in a checkpoint is only the best value. Lightning's state holds absolute paths, and drops the best
    value if the folder has moved: a run that was moved and resumed would then replace its best checkpoint by a worse
    one.

    Args:
        folder: Folder of ``best.ckpt``.
        monitor: The metric; higher is better.
    """

    def __init__(self, folder: Path, monitor: str) -> None:
        super().__init__(folder, filename="best", monitor=monitor, mode="max", enable_version_counter=False)

    @property
    def path(self) -> Path:
        """Path of ``best.ckpt`` in the current folder."""
        return Path(str(self.dirpath)) / "best.ckpt"

    @property
    def state_key(self) -> str:
        """Key of the callback's state in a checkpoint: that of Lightning's ``ModelCheckpoint``, for compatibility."""
        return super().state_key.replace("BestCheckpoint", "ModelCheckpoint", 1)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value so far; None before the first validation."""
        best = self.best_model_score
        return {"monitor": self.monitor, "best": None if best is None else float(best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best value so far.

        Raises:
            InputError: ``best.ckpt`` is missing.
        """
        # Up to version 0.1 the state was that of Lightning's callback.
        value = state_dict.get("best", state_dict.get("best_model_score"))
        if value is None:
            return
        if not self.path.is_file():
            raise InputError(f"{self.path}: is missing, and the run has a best validation already; copy the run again")
        best = torch.tensor(float(value), dtype=torch.float32)
        self.best_model_path = self.kth_best_model_path = str(self.path)
        self.best_k_models = {self.best_model_path: best}
        self.best_model_score = self.kth_value = self.current_score = best
