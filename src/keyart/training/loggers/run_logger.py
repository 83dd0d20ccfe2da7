"""Protocol of loggers that follow a whole run: they receive its results and its final status.

Lightning's loggers receive neither. A logger that implements `RunLogger` receives both; other loggers are skipped.
"""

import logging
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from lightning.pytorch.utilities.exceptions import SIGTERMException

from keyart.training.early_ends import TrainingInterrupted, TrialPruned

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

log = logging.getLogger(__name__)

Status = Literal["finished", "failed", "preempted"]


@dataclass(frozen=True, eq=False)
class RunResults:
    """Results of a finished run, for loggers.

    Args:
        folder: The run's folder; loggers may show every picture in it and in its ``pictures/``.
        metrics: Flat metrics, in the format of ``metrics.json``.
        catalogue: The N posters.
        splits: (N,) split of each poster.
        embeddings: (N, E) embedding of each poster.
        coordinates: (N, 2) the embedding in two dimensions; None: its two principal components.
    """

    folder: Path
    metrics: Mapping[str, float | None]
    catalogue: "Catalogue"
    splits: np.ndarray
    embeddings: np.ndarray
    coordinates: np.ndarray | None = None


@runtime_checkable
class RunLogger(Protocol):
    """Protocol of a logger that follows a run to its end.

    Its methods are called in every process; the logger acts only in the first.
    """

    def log_results(self, results: RunResults) -> None:
        """Log the results of the finished run; called once, when its folder is complete."""

    def finish(self, status: Status) -> None:
        """End the run; called exactly once, also after an error. Nothing is logged after it."""


def rewind_loggers(loggers: Iterable[Any], step: int) -> None:
    """Rewind every logger that has a method ``rewind`` to the step from which a run resumes.

    Args:
        loggers: The loggers. Those with ``rewind`` drop what they hold of ``step`` and later steps.
        step: The next step to be logged.
    """
    for logger in loggers:
        if hasattr(logger, "rewind"):
            logger.rewind(step)


def log_results(loggers: Iterable[Any], results: RunResults) -> None:
    """Pass the results to every `RunLogger`.

    The run is already complete: an error of a logger is logged as a warning and does not fail the run.
    """
    for logger in loggers:
        if isinstance(logger, RunLogger):
            try:
                logger.log_results(results)
            except Exception:
                log.warning("%s did not accept the run's results", type(logger).__name__, exc_info=True)


@contextmanager
def finishing(loggers: Iterable[Any]) -> Iterator[None]:
    """Finish every `RunLogger` exactly once, with the status in which the block ends.

    Examples:
        >>> class Printing:
        ...     def log_results(self, results): ...
        ...     def finish(self, status): print(status)
        >>> with finishing([Printing()]):
        ...     pass
        finished
        >>> with finishing([Printing()]):
        ...     raise ValueError("a fault in the block")
        Traceback (most recent call last):
            ...
        ValueError: a fault in the block
    """
    loggers = [logger for logger in loggers if isinstance(logger, RunLogger)]
    status: Status = "failed"
    try:
        yield
        status = "finished"
    except TrialPruned:
        status = "finished"  # a pruned trial has run for as long as its search allowed
        raise
    except (SIGTERMException, TrainingInterrupted) as stop:
        by_hand = isinstance(stop, TrainingInterrupted) and stop.signal == signal.SIGINT
        status = "failed" if by_hand else "preempted"
        raise
    finally:
        for logger in loggers:
            # An error of a logger must neither hide an error of the run nor fail a finished run.
            try:
                logger.finish(status)
            except Exception:
                log.warning("%s did not finish", type(logger).__name__, exc_info=True)
