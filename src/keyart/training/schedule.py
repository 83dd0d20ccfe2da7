"""Learning-rate schedules as pure functions of the step: they have no state to save or restore."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from keyart.errors import InputError

Scheduler = Callable[[int, int], float]
"""Function of the step within a phase and of the phase's number of steps; returns the factor of the peak rate."""


def warmup_cosine(step: int, total: int, warmup: float = 0.1) -> float:
    """Return the learning-rate factor of linear warm-up followed by cosine decay towards zero.

    The decay is that of Loshchilov & Hutter (2017, arXiv 1608.03983), without restarts.

    Args:
        step: Step within the phase; the first is 0.
        total: Number of steps of the phase.
        warmup: Share of the steps for the warm-up, in [0, 1).

    Returns:
        The factor of the peak rate: 1 / w, 2 / w … 1 over the w warm-up steps, then decreasing, and above 0 until
        ``total``.

    Raises:
        InputError: ``warmup`` is out of range.

    Examples:
        >>> [round(warmup_cosine(step, 6, 1 / 3), 2) for step in range(7)]
        [0.5, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    rising = _warmup_steps(total, warmup)
    if step < rising or step >= total:
        return warmup_constant(step, total, warmup)
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


def warmup_constant(step: int, total: int, warmup: float = 0.1) -> float:
    """Return the learning-rate factor of linear warm-up followed by the peak rate; see `warmup_cosine`.

    Examples:
        >>> [warmup_constant(step, 4, 0.5) for step in range(5)]
        [0.5, 1.0, 1.0, 1.0, 0.0]
    """
    rising = _warmup_steps(total, warmup)
    if step >= total:
        return 0.0
    return (step + 1) / rising if step < rising else 1.0


def one_cycle(step: int, total: int, warmup: float = 0.3, start: float = 0.04, end: float = 4e-6) -> float:
    """Return the learning-rate factor of one cycle: half a cosine up to the peak, and half a cosine down.

    The policy is that of Smith & Topin (2017, arXiv 1708.07120), with the values of ``torch.optim.lr_scheduler.
    OneCycleLR``. The momentum does not change.

    Args:
        step: Step within the phase; the first is 0.
        total: Number of steps of the phase.
        warmup: Share of the steps until the peak, in [0, 1).
        start: Factor at the first step; a phase whose ``warmup`` is at most one step starts at the peak.
        end: Factor at the last step.

    Returns:
        The factor of the peak rate; 0 from ``total`` on.

    Raises:
        InputError: ``warmup`` is out of range.

    Examples:
        >>> [round(one_cycle(step, 6, 0.5), 2) for step in range(7)]
        [0.04, 0.52, 1.0, 0.75, 0.25, 0.0, 0.0]
    """
    _warmup_steps(total, warmup)
    if step >= total:
        return 0.0
    peak = max(warmup * total - 1, 0.0)
    if step <= peak:
        low, share = start, 1 - step / peak if peak else 0.0
    else:
        low, share = end, (step - peak) / (total - 1 - peak)
    return low + (1 - low) * 0.5 * (1 + math.cos(math.pi * share))


def _warmup_steps(total: int, warmup: float) -> int:
    if not 0 <= warmup < 1:
        raise InputError(f"scheduler.warmup={warmup}: must be a share of the steps in [0, 1)")
    return round(warmup * total)


@dataclass(frozen=True)
class PhaseSchedule:
    """Learning-rate factors over a head phase and then a fine-tuning phase.

    Args:
        head_epochs: Number of epochs in which head and loss learn and the backbone is frozen.
        finetune_epochs: Number of epochs in which everything learns.
        scheduler: Factor of each step of a phase.

    Raises:
        InputError: A number of epochs is negative, or the scheduler refuses its arguments.

    Examples:
        >>> schedule = PhaseSchedule(1, 1, lambda step, total: warmup_constant(step, total, 0.0))
        >>> schedule.factor("backbone", step=3, steps_per_epoch=4), schedule.factor("backbone", 4, 4)
        (0.0, 1.0)
    """

    head_epochs: int
    finetune_epochs: int
    scheduler: Scheduler = warmup_cosine

    def __post_init__(self) -> None:
        for key in ("head_epochs", "finetune_epochs"):
            if getattr(self, key) < 0:
                raise InputError(f"training.{key}={getattr(self, key)}: must be 0 or more epochs")
        self.scheduler(0, 1)

    def factor(self, role: str, step: int, steps_per_epoch: int) -> float:
        """Return the factor of a parameter group's peak learning rate.

        Args:
            role: ``"backbone"``, or anything else for parameters that learn in both phases.
            step: The global step: the number of optimizer steps so far.
            steps_per_epoch: Number of optimizer steps per epoch.
        """
        head_steps = self.head_epochs * steps_per_epoch
        if step >= head_steps:
            return self.scheduler(step - head_steps, self.finetune_epochs * steps_per_epoch)
        return 0.0 if role == "backbone" else self.scheduler(step, head_steps)
