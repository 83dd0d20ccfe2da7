"""Comparing the values of one swept key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keyart.runs.sweep.estimates import Estimate, Estimates
from keyart.runs.sweep.folder import Job, Value

MAX_LEVELS = 8
"""A number with more values is compared by ranges of values, a third of the jobs in each."""


@dataclass(frozen=True)
class Level:
    """One value of a key, or a range of values.

    Attributes:
        name: The value as text.
        value: The value; of a range its middle.
        jobs: The finished jobs that have it.
        estimate: Their mean.
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
        gaps: How far each level lies below the highest, see `Estimates.gaps`.
        given: The value of the other key at which the levels are compared; None if they are compared over all jobs.
        share: The share of the settings' variance that lies between the levels, in [0, 1]; None if it says nothing:
            of a single key, of too few settings, or of noise.
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
        """Names of the levels that the best does not beat significantly."""
        pairs = zip(self.levels, self.gaps, strict=True)
        return tuple(level.name for level, gap in pairs if level is not self.best and not is_beaten(gap))

    @property
    def decided(self) -> bool:
        """Whether the best level beats any other significantly."""
        return len(self.as_good) < len(self.levels) - 1


def is_beaten(gap: Estimate | None) -> bool:
    """Whether a gap to the highest mean is more than noise."""
    return gap is not None and gap.low > 0


def by_setting(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Group jobs that differ only in their seeds, in the order in which they first occur."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault(repr(job.setting()), []).append(job)
    return [tuple(group) for group in groups.values()]


def is_number(value: Value) -> bool:
    """Whether a value can stand on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def values_of(key: str, jobs: Sequence[Job]) -> list[Value]:
    """Return a key's different values: numbers by size, others as they first occur."""
    values = list(dict.fromkeys(job.settings.get(key) for job in jobs))
    return sorted(values) if all(is_number(value) for value in values) else values  # type: ignore[type-var]


def in_ranges(key: str, jobs: Sequence[Job]) -> bool:
    """Whether ranges of a key's values are compared: of a number with many values, or that a search drew once each."""
    values = values_of(key, jobs)
    drawn = len(values) > 3 and len(values) == len(jobs) and any(isinstance(value, float) for value in values)
    return all(is_number(value) for value in values) and (len(values) > MAX_LEVELS or drawn)


def compare_levels(key: str, jobs: Sequence[Job], estimates: Estimates) -> Comparison:
    """Compare the values of a key, or ranges of values where they are many."""
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
    """Return the share of the variance of jobs' settings that lies between the levels of a key."""
    means = {job.number: mean.value for group, mean in zip(groups, estimates, strict=True) for job in group}
    grand = float(np.mean(list(means.values())))
    total = sum((mean - grand) ** 2 for mean in means.values())
    between = sum(
        len(level.jobs) * (float(np.mean([means[job.number] for job in level.jobs])) - grand) ** 2
        for level in effect.levels
    )
    return min(1.0, between / total) if total > 0 else None


def curve_keys(keys: Sequence[str], jobs: Sequence[Job]) -> tuple[str | None, str | None]:
    """Return the key whose best value is sought, and the key for each value of which it is sought.

    The first is the number with the most values, the second the other key with the fewest, words before numbers.
    """
    if not keys:
        return None, None
    values = {key: values_of(key, jobs) for key in keys}
    numbers = [key for key in keys if all(is_number(value) for value in values[key])]
    first = max(numbers or keys, key=lambda key: len(values[key]))
    others = [key for key in keys if key != first and len(values[key]) <= MAX_LEVELS]
    return first, min(others, key=lambda key: (key in numbers, len(values[key])), default=None)


def format_value(value: Value) -> str:
    """Return a value as on the command line, numbers shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
