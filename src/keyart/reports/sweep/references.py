"""Chance and the frozen backbone in a sweep's chart: the ends of the axis, and which references it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyart.runs.sweep.comparison import format_value
from keyart.runs.sweep.summary import Summary

_LEAST_SPAN = 0.02
"""Minimum span of an axis, for sweeps without intervals that show the size of the noise."""
_LEAST_SHARE = 1 / 3
"""References are drawn if the measured values keep this share of the axis."""
MAX_LINES = 4


@dataclass(frozen=True)
class Reference:
    """Values of chance or of the frozen backbone over the jobs of a sweep.

    Attributes:
        name: Display name.
        dash: Line style.
        values: The distinct values in ascending order, each with its setting (empty if several settings have it).
        shown: Whether a chart's axis reaches them.
    """

    name: str
    dash: str
    values: Mapping[float, str]
    shown: bool

    def describe(self, low: float) -> str:
        """Describe the values, and how they are drawn or on which side of the axis they are."""
        known = list(self.values)
        text = ", ".join(f"{value:.4f}{f' ({setting})' if setting else ''}" for value, setting in self.values.items())
        if len(known) > MAX_LINES:
            text = f"{known[0]:.4f} to {known[-1]:.4f}"
        if not self.shown:
            return f"{self.name} {text}: {'below' if known[-1] < low else 'beyond'} the axis"
        return f"{self.dash}: {self.name} {text}"


def place_references(summary: Summary, low: float, high: float) -> tuple[float, float, list[Reference]]:
    """Return the ends of the vertical axis, and the references, which widen it if that leaves room to read.

    Args:
        summary: The sweep's answers.
        low: The lowest of the values and interval ends that are drawn.
        high: The highest.
    """
    span = high - low
    if (missing := _LEAST_SPAN - span) > 0:
        low, high = low - missing / 2, high + missing / 2
    found = []
    for column, name, dash in (("chance", "chance", "dotted"), ("frozen", "frozen backbone", "dashed")):
        if values := _values(summary, column):
            wide = min(low, *values), max(high, *values)
            shown = (wide[1] - wide[0]) * _LEAST_SHARE <= span
            low, high = wide if shown else (low, high)
            found.append(Reference(name, dash, values, shown))
    room = (high - low) * 0.08
    return low - room, high + room, found


def reference_note(low: float, references: Sequence[Reference]) -> str:
    """Describe in one sentence where the references are."""
    text = "; ".join(reference.describe(low) for reference in references)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _values(summary: Summary, column: str) -> dict[float, str]:
    """Return the different values of a reference over the finished jobs, and the setting of each."""
    jobs = [(job, job.references.get(column)) for job in summary.sweep.finished]
    known = [(job, round(value, 6)) for job, value in jobs if value is not None]
    values = dict.fromkeys(sorted({value for _, value in known}), "")
    for key in summary.sweep.keys if len(values) > 1 else ():
        pairs = {(value, format_value(job.settings.get(key))) for job, value in known}
        if len(pairs) == len({setting for _, setting in pairs}) == len(values):
            return dict(sorted(pairs))
    return values
