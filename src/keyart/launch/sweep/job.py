"""One job of a sweep: skipped if it has finished, resumed if it was interrupted; a failure does not stop other jobs."""

import logging
import math
from collections.abc import Callable
from pathlib import Path

from keyart.errors import InputError
from keyart.launch.config_keys import config_key
from keyart.runs.sweep.state import clear_failure, is_finished, pruned_epoch, record_failure, record_pruned
from keyart.training.early_ends import TrialPruned
from keyart.utils.files import describe_fault
from keyart.utils.reading import read_json

log = logging.getLogger(__name__)


def run_sweep_job(
    folder: Path, monitor: str, train: Callable[[], float], *, writes: bool = True, raises: bool = False
) -> float:
    """Train one job of a sweep.

    Args:
        folder: The job's folder; its contents decide what is still to do.
        monitor: The metric that sweepers read.
        train: Trains in the folder, from its last checkpoint if there is one, and returns the monitor.
        writes: Whether this process writes records and logs.
        raises: Whether to raise a failure after recording it; for launchers where this ends only the job.

    Returns:
        The best value of the monitor. NaN if the job failed or the search pruned it, because an exception would end
        the sweep; the sweep's report reads the record in the folder.

    Raises:
        Exception: The job failed, and ``raises`` is set.
    """
    if is_finished(folder):
        log.info("%s: has finished already", folder.name)
        return finished_monitor(folder, monitor)
    if (epoch := pruned_epoch(folder)) is not None:
        log.info("%s: was pruned after epoch %d", folder.name, epoch)
        return math.nan
    if writes:
        clear_failure(folder)
    try:
        return train()
    except TrialPruned as pruned:
        log.info("job %s is pruned after epoch %d: %s %.4f", folder.name, pruned.epoch, monitor, pruned.value)
        if writes:
            record_pruned(folder, pruned.epoch, pruned.value)
        return math.nan
    except Exception as error:
        if isinstance(error, InputError | OSError):
            reason = describe_fault(error) if isinstance(error, OSError) else error.render(config_key)
            log.error("job %s failed: %s", folder.name, reason)
        else:
            log.exception("job %s failed", folder.name)
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if writes:
            record_failure(folder, reason)
        if raises:
            raise
    return math.nan


def finished_monitor(folder: Path, monitor: str) -> float:
    """Return the monitor of a finished job from its ``metrics.json``; NaN if it is missing."""
    value = read_json(folder / "metrics.json").get(monitor)
    return math.nan if value is None else float(value)
