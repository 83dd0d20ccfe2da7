"""What a logger may do for a whole run, beyond Lightning's metrics: take its results, and end with its status.

Lightning's loggers know nothing of either: a logger that implements `RunLogger` gets both, others are passed over.
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

from keyart.training.callbacks.pruning import TrialPruned
from keyart.training.interruption import CutShort

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

log = logging.getLogger(__name__)

Status = Literal["finished", "failed", "preempted"]


@dataclass(frozen=True, eq=False)
class RunResults:
    """What a finished run has to show.

    Args:
        folder: The run's folder; every picture in it and in its ``pictures/`` may be shown.
        metrics: Flat metrics, as ``metrics.json`` holds them.
        catalogue: The N posters.
        splits: (N,) each poster's split.
        embeddings: (N, E) each poster's embedding.
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
    """A logger that follows a run to its end. Its methods are called in every process: it acts in the first."""

    def log_results(self, results: RunResults) -> None:
        """Log what the finished run has to show; called once, when its folder is complete."""

    def finish(self, status: Status) -> None:
        """End the run; called exactly once, whatever happened. Nothing is logged after it."""


def rewind_loggers(loggers: Iterable[Any], step: int) -> None:
    """Tell every logger that can go back that a resumed run continues from ``step``.

    Args:
        loggers: Those that have a method ``rewind`` forget what they hold of that step and later ones.
        step: The next step to be logged.
    """
    for logger in loggers:
        if hasattr(logger, "rewind"):
            logger.rewind(step)


def log_results(loggers: Iterable[Any], results: RunResults) -> None:
    """Hand the results to every `RunLogger`.

    The run is complete by then: a logger that fails is told as a warning and does not undo it.
    """
    for logger in loggers:
        if isinstance(logger, RunLogger):
            try:
                logger.log_results(results)
            except Exception:
                log.warning("%s did not take the run's results", type(logger).__name__, exc_info=True)


@contextmanager
def finishing(loggers: Iterable[Any]) -> Iterator[None]:
    """Finish every `RunLogger` with the status in which the block ends, and never twice or not at all.

    Examples:
        >>> class Told:
        ...     def log_results(self, results): ...
        ...     def finish(self, status): print(status)
        >>> with finishing([Told()]):
        ...     pass
        finished
        >>> with finishing([Told()]):
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
        status = "finished"  # as far as its search let it come
        raise
    except (SIGTERMException, CutShort) as told:
        by_hand = isinstance(told, CutShort) and told.signal == signal.SIGINT
        status = "failed" if by_hand else "preempted"
        raise
    finally:
        for logger in loggers:
            # A logger's own fault must neither hide the run's nor fail a run that has finished.
            try:
                logger.finish(status)
            except Exception:
                log.warning("%s did not finish", type(logger).__name__, exc_info=True)
