"""The loss of an epoch that ended with a checkpoint, for runs that were killed before it was logged."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.loggers.logger import Logger

from keyart.training.loggers.csv_log import CSVLog

LOSS = "train/loss"


def completed_epoch(checkpoint: Mapping[str, Any]) -> dict[str, float] | None:
    """Return what is logged at the end of the epoch that a checkpoint completes; None if it was saved within one.

    Lightning logs an epoch's loss after the callbacks have written their checkpoints, and a run that resumes from one
    of these begins with the next epoch.

    Args:
        checkpoint: A checkpoint of `EmbeddingModule`.
    """
    try:
        over = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["is_last_batch"]
        epoch, total, weight = checkpoint["keyart"]["epoch_loss"]
    except (KeyError, TypeError, ValueError):  # of an earlier version
        return None
    if not over or epoch != checkpoint.get("epoch") or not weight:
        return None
    return {"epoch": float(epoch), LOSS: float(torch.tensor(total) / torch.tensor(weight))}


def log_completed_epoch(loggers: Sequence[Logger], step: int, row: dict[str, float]) -> None:
    """Log an epoch's row, unless ``metrics.csv`` has it: all loggers get it at the same moment.

    Args:
        loggers: The loggers of a run, of which one is a `CSVLog`.
        step: The epoch's last step.
        row: See `completed_epoch`.
    """
    known = [one for logger in loggers if isinstance(logger, CSVLog) for one in logger.rows]
    if not any(int(one["step"]) == step and LOSS in one for one in known):
        for logger in loggers:
            logger.log_metrics(row, step)
            logger.save()
