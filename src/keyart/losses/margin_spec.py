"""Margins: unit and range of ``loss.margin`` for each loss, and schedules of the margin during training."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from keyart.errors import InputError

ScheduleKind = Literal["constant", "linear"]


@dataclass(frozen=True)
class Margin:
    """Specification of a loss's margin: unit, range and default of ``loss.margin``.

    Args:
        unit: For example ``"degrees"`` or ``"distance"``.
        low: Smallest value allowed.
        high: Largest value allowed.
        default: The default value.
        source: The paper that defines it.

    Examples:
        >>> Margin("degrees", 1, 80, 45, "Wang et al. 2017").check(45, "angular")
        45.0
    """

    unit: str
    low: float
    high: float
    default: float
    source: str

    def check(self, value: object, loss: str, key: str = "loss.margin") -> float:
        """Check a margin and return it as a float.

        Args:
            value: The margin; None for the default.
            loss: Name of the loss, for the message.
            key: Configuration key of the value, for the message.

        Raises:
            InputError: The value is not a number, or out of range; the message names unit and range.
        """
        if value is None:
            return float(self.default)
        text = f"{key}={value}: the margin of loss={loss} is in {self.unit}, from {self.low:g} to {self.high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{text}; give a number, such as {self.default:g}")
        if not self.low <= value <= self.high:
            raise InputError(f"{text}; its default is {self.default:g}")
        return float(value)


@dataclass(frozen=True)
class MarginSchedule:
    """Schedule of a margin as a pure function of the optimizer step, so that a resumed run gets the same margin.

    ``constant`` always returns the margin. ``linear`` grows (or falls) from ``start`` to the margin over the first
    ``share`` of all steps, because the full margin can collapse an untrained embedding.

    Args:
        kind: ``constant`` or ``linear``.
        start: The margin at step 0, in the loss's unit; None for the low end of the loss's range.
        share: Share of all steps, in (0, 1], after which the full margin applies.

    Raises:
        InputError: The kind is unknown, or the share is out of range.

    Examples:
        >>> schedule = MarginSchedule("linear", start=20, share=0.5)
        >>> [schedule.at(45, step, steps=100) for step in (0, 25, 50, 99)]
        [20.0, 32.5, 45.0, 45.0]
    """

    kind: ScheduleKind = "constant"
    start: float | None = None
    share: float = 0.2

    def __post_init__(self) -> None:
        if self.kind not in get_args(ScheduleKind):
            known = ", ".join(get_args(ScheduleKind))
            raise InputError(f"loss.margin_schedule.kind={self.kind}: unknown; choose one of {known}")
        number = isinstance(self.share, int | float) and not isinstance(self.share, bool)
        if not number or not 0 < self.share <= 1:
            raise InputError(f"loss.margin_schedule.share={self.share}: a share of all steps, above 0 and at most 1")

    @classmethod
    def from_config(cls, given: "MarginSchedule | Mapping[str, Any] | None") -> "MarginSchedule":
        """Convert ``given`` to a schedule; None means ``constant``.

        Raises:
            InputError: A key is unknown.
        """
        if given is None:
            return cls()
        if isinstance(given, MarginSchedule):
            return given
        unknown = set(given) - {"kind", "start", "share"}
        if unknown:
            raise InputError(f"loss.margin_schedule.{min(unknown)}: unknown key; it takes kind, start and share")
        return cls(**given)

    def at(self, margin: float, step: int, steps: int) -> float:
        """Return the margin at a step.

        Args:
            margin: The full margin.
            step: Number of optimizer steps so far, from 0.
            steps: Number of steps of the whole training.
        """
        if self.kind == "constant" or self.start is None:
            return float(margin)
        progress = min(1.0, step / max(1, math.ceil(self.share * steps)))
        return self.start + (margin - self.start) * progress
