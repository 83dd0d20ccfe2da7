"""Comparison of the values of one swept key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keyart.runs.sweep.estimates import Estimate, Estimates
from keyart.runs.sweep.folder import Job, Value

MAX_LEVELS = 8
"""A numeric key with more values is compared by three ranges of values with a third of the jobs each."""
MAX_REPEATED_LEVELS = 3 * MAX_LEVELS
"""The same for a key that has at least two jobs for each value, as in a sweep over seeds."""


@dataclass(frozen=True)
class Level:
    """One value of a key, or a range of values.

    Attributes:
        name: The value as text.
        value: The value; for a range, the median.
        jobs: The finished jobs with this value.
        estimate: The mean of these jobs.
    """

    name: str
    value: Value
    jobs: tuple[Job, ...]
    estimate: Estimate


@dataclass(frozen=True)
class Comparison:
    """The levels of a key, compared with the highest.

    Attributes:
        key: The key.
        levels: Its levels.
        gaps: Distance of each level's mean from the highest, see `Estimates.gaps`.
        given: The value of the other key at which the levels are compared; None if they are compared over all jobs.
        share: Share of the settings' variance that is between the levels, in [0, 1]; None if it has no meaning: for a
            single key, too few settings, or differences that are only noise.
    """

    key: str
    levels: tuple[Level, ...]
    gaps: tuple[Estimate | None, ...]
    given: Value = None
    share: float | None = None

    @property
    def best(self) -> Level:
        """The level with the highest mean."""
        return max(self.levels, key=lambda level: level.estimate.value)

    @property
    def worst(self) -> Level:
        """The level with the lowest mean."""
        return min(self.levels, key=lambda level: level.estimate.value)

    @property
    def difference(self) -> Estimate | None:
        """The best level minus the worst; None if they cannot be paired."""
        return self.gaps[self.levels.index(self.worst)]

    @property
    def as_good(self) -> tuple[str, ...]:
        """Names of the levels that are not significantly worse than the best."""
        pairs = zip(self.levels, self.gaps, strict=True)
        return tuple(level.name for level, gap in pairs if level is not self.best and not is_worse(gap))

    @property
    def decided(self) -> bool:
        """Whether any level is significantly worse than the best."""
        return len(self.as_good) < len(self.levels) - 1


def is_worse(gap: Estimate | None) -> bool:
    """Return whether a distance from the highest mean is significant."""
    return gap is not None and gap.low > 0


def by_setting(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Group jobs that differ only in their seeds, in the order in which they first occur."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault(repr(job.setting()), []).append(job)
    return [tuple(group) for group in groups.values()]


def is_number(value: Value) -> bool:
    """Return whether a value is a number and so has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def values_of(key: str, jobs: Sequence[Job]) -> list[Value]:
    """Return a key's distinct values: numbers in ascending order, others in order of first occurrence."""
    values = list(dict.fromkeys(job.settings.get(key) for job in jobs))
    return sorted(values) if all(is_number(value) for value in values) else values  # type: ignore[type-var]


def in_ranges(key: str, jobs: Sequence[Job]) -> bool:
    """Return whether to compare ranges of a numeric key: it has many values, or a search drew each of them once."""
    values = values_of(key, jobs)
    drawn = len(values) > 3 and len(values) == len(jobs) and any(isinstance(value, float) for value in values)
    most = MAX_LEVELS if len(jobs) < 2 * len(values) else MAX_REPEATED_LEVELS
    return all(is_number(value) for value in values) and (len(values) > most or drawn)


def compare_levels(key: str, jobs: Sequence[Job], estimates: Estimates) -> Comparison:
    """Compare the values of a key, or ranges of them if there are many."""
    if in_ranges(key, jobs):
        ordered = sorted(jobs, key=lambda job: float(job.settings[key]))  # type: ignore[arg-type]
        parts = [[ordered[i] for i in at] for at in np.array_split(np.arange(len(ordered)), 3) if len(at)]
        names = [" to ".join(format_value(part[i].settings[key]) for i in (0, -1)) for part in parts]
        values: list[Value] = [float(np.median([float(job.settings[key]) for job in part])) for part in parts]
    else:
        values = values_of(key, jobs)
        names = [format_value(value) for value in values]
        parts = [[job for job in jobs if job.settings.get(key) == value] for value in values]
    levels = [
        Level(name, v, tuple(part), estimates.of(part)) for name, v, part in zip(names, values, parts, strict=True)
    ]
    return Comparison(key, tuple(levels), tuple(estimates.gaps(parts)))


def variance_share(effect: Comparison, groups: Sequence[Sequence[Job]], estimates: Sequence[Estimate]) -> float | None:
    """Return the share of the variance between settings that is between the levels of a key."""
    means = {job.number: mean.value for group, mean in zip(groups, estimates, strict=True) for job in group}
    grand = float(np.mean(list(means.values())))
    total = sum((mean - grand) ** 2 for mean in means.values())
    between = sum(
        len(level.jobs) * (float(np.mean([means[job.number] for job in level.jobs])) - grand) ** 2
        for level in effect.levels
    )
    return min(1.0, between / total) if total > 0 else None


def curve_keys(keys: Sequence[str], jobs: Sequence[Job]) -> tuple[str | None, str | None]:
    """Choose the key whose best value is reported, and the key for each of whose values it is reported.

    The first is the numeric key with the most values; the second the other key with the fewest, text before numbers.
    """
    if not keys:
        return None, None
    values = {key: values_of(key, jobs) for key in keys}
    numbers = [key for key in keys if all(is_number(value) for value in values[key])]
    first = max(numbers or keys, key=lambda key: len(values[key]))
    others = [key for key in keys if key != first and len(values[key]) <= MAX_LEVELS]
    return first, min(others, key=lambda key: (key in numbers, len(values[key])), default=None)


def format_value(value: Value) -> str:
    """Format a value as on the command line, with floats rounded to four digits."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
