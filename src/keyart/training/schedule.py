"""Learning-rate schedule as a pure function of the step: it has no state to save or restore."""

import math
from dataclasses import dataclass

from keyart.errors import InputError


def warmup_cosine(step: int, total: int, warmup: float) -> float:
    """Return the learning-rate factor of linear warm-up followed by cosine decay towards zero.

    The decay is that of Loshchilov & Hutter (2017, arXiv 1608.03983), without restarts.

    Args:
        step: Step within the phase; the first is 0.
        total: Number of steps of the phase.
        warmup: Share of the steps for the warm-up, in [0, 1).

    Returns:
        The factor of the peak rate: 1 / w, 2 / w … 1 over the w warm-up steps, then decreasing, and above 0 until
        ``total``.

    Examples:
        >>> [round(warmup_cosine(step, 6, 1 / 3), 2) for step in range(7)]
        [0.5, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if step >= total:
        return 0.0
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


@dataclass(frozen=True)
class PhaseSchedule:
    """Learning-rate factors over a head phase and then a fine-tuning phase.

    Args:
        head_epochs: Number of epochs in which head and loss learn and the backbone is frozen.
        finetune_epochs: Number of epochs in which everything learns.
        warmup: Share of each phase's steps for a linear warm-up, in [0, 1).

    Raises:
        InputError: A number of epochs is negative, or ``warmup`` is out of range.

    Examples:
        >>> schedule = PhaseSchedule(head_epochs=1, finetune_epochs=1, warmup=0.0)
        >>> schedule.factor("backbone", step=3, steps_per_epoch=4), schedule.factor("backbone", 4, 4)
        (0.0, 1.0)
    """

    head_epochs: int
    finetune_epochs: int
    warmup: float = 0.1

    def __post_init__(self) -> None:
        for key in ("head_epochs", "finetune_epochs"):
            if getattr(self, key) < 0:
                raise InputError(f"training.{key}={getattr(self, key)}: must be 0 or more epochs")
        if not 0 <= self.warmup < 1:
            raise InputError(f"scheduler.warmup={self.warmup}: must be a share of the steps in [0, 1)")

    def factor(self, role: str, step: int, steps_per_epoch: int) -> float:
        """Return the factor of a parameter group's peak learning rate.

        Args:
            role: ``"backbone"``, or anything else for parameters that learn in both phases.
            step: The global step: the number of optimizer steps so far.
            steps_per_epoch: Number of optimizer steps per epoch.
        """
        head_steps = self.head_epochs * steps_per_epoch
        if step >= head_steps:
            return warmup_cosine(step - head_steps, self.finetune_epochs * steps_per_epoch, self.warmup)
        return 0.0 if role == "backbone" else warmup_cosine(step, head_steps, self.warmup)
