"""Summary of a sweep: the best setting, the effect of each key, and the best value of one key per value of another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from keyart.runs.evaluation.metric_names import metric_name
from keyart.runs.sweep.estimates import Estimate, Estimates
from keyart.runs.sweep.folder import REPLICATES, Job, Sweep, Value
from keyart.runs.sweep.state import Status

MOST_LEVELS = 8
"""Maximum number of values of a numeric key that are compared singly.

If there are more, three ranges of values are compared, with a third of the jobs each.
"""


@dataclass(frozen=True)
class Level:
    """One value of a key, or a range of values, and the jobs that have it.

    Attributes:
        name: Display name.
        value: The value; for a range its median.
        jobs: Finished jobs.
        estimate: Their mean.
    """

    name: str
    value: Value
    jobs: tuple[Job, ...]
    estimate: Estimate


@dataclass(frozen=True)
class Effect:
    """Effect of a key on the monitor, averaged over the other keys.

    Attributes:
        key: The key.
        levels: Its values.
        best: The level with the highest mean.
        difference: Best minus worst level, see `Estimates.gaps`; None if they cannot be paired.
        share: Share of the settings' variance that is between the levels, in [0, 1]; None if it is meaningless: for a
            single key, too few settings, or noise.
    """

    key: str
    levels: tuple[Level, ...]
    best: Level
    difference: Estimate | None
    share: float | None


@dataclass(frozen=True)
class Choice:
    """Best value of one key for one value of another key.

    Attributes:
        given: The other key's value; None if there is no other key.
        best: The level with the highest mean.
        as_good: Names of the levels that are not significantly worse.
        decided: Whether at least one level is significantly worse.
        low: The lowest mean of a level.
    """

    given: Value
    best: Level
    as_good: tuple[str, ...]
    decided: bool
    low: float


@dataclass(frozen=True)
class Summary:
    """Summary of a sweep's results.

    Attributes:
        sweep: The sweep.
        estimates: Estimates of its finished jobs.
        best: The job with the highest monitor within the setting with the highest mean; None if no job is finished.
        best_setting: The mean over that setting's jobs (its seeds).
        lowest: The lowest mean of a setting.
        as_good: One job of each other setting that is not significantly worse than the best one.
        settings: Number of finished settings.
        effects: One per key that has several values, the strongest first.
        curve: The key whose best value is chosen, and the key for whose values it is chosen; None if there is none.
        choices: The choice for each value of the second key.
    """

    sweep: Sweep
    estimates: Estimates
    best: Job | None
    best_setting: Estimate | None
    lowest: float | None
    as_good: tuple[Job, ...]
    settings: int
    effects: tuple[Effect, ...]
    curve: tuple[str | None, str | None]
    choices: tuple[Choice, ...]

    @property
    def decided(self) -> bool:
        """Whether at least one setting is significantly worse than the highest; otherwise none is called the best."""
        return len(self.as_good) < self.settings - 1

    @property
    def verdict(self) -> str:
        """One sentence on which settings differ significantly."""
        if self.settings < 2:
            return "There is one setting: nothing to compare." if self.settings else "No job has finished."
        if not self.decided:
            return f"None of the {self.settings} settings differs significantly from another."
        if not self.as_good:
            return "Every other setting is significantly worse."
        jobs = ", ".join(str(job.number) for job in self.as_good)
        return f"Of {self.settings - 1} other settings {len(self.as_good)} are not significantly worse (job {jobs})."

    @property
    def lift_note(self) -> str:
        """The reason why lifts cannot be compared between jobs; empty if they can."""
        zeros = {tuple(job.beside.get(name) for name in ("chance", "frozen")) for job in self.sweep.finished}
        if len(zeros) < 2:
            return ""
        name = metric_name(self.sweep.monitor.partition("/")[2])
        return (
            f"Chance or frozen backbone differ between jobs, and with them the zero and unit of lift: compare {name}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON."""
        sweep = self.sweep
        counts = {name: sum(job.status == name for job in sweep.jobs) for name in get_args(Status)}
        highest = None
        if self.best is not None and self.best_setting is not None:
            highest = {"job": self.best.number, "run": str(self.best.folder), "settings": self.best.settings}
            highest |= {"value": self.best.value, "setting": _interval(self.best_setting)}
        return {
            "sweep": str(sweep.folder),
            "name": sweep.name or None,
            "monitor": sweep.monitor,
            "keys": list(sweep.keys),
            "counts": counts,
            "best": highest if self.decided else None,
            "highest": highest,
            "not_significantly_worse": [job.number for job in self.as_good],
            "verdict": self.verdict,
            "lift_comparable": not self.lift_note,
            "effects": {effect.key: _effect(effect) for effect in self.effects},
            "choices": {
                "key": self.curve[0],
                "for": self.curve[1],
                "best": [
                    {"given": choice.given, "value": choice.best.name if choice.decided else None}
                    | {"highest": choice.best.name, "as_good": list(choice.as_good)}
                    | _interval(choice.best.estimate)
                    for choice in self.choices
                ],
            },
            "jobs": [_job(job, self.estimates) for job in sweep.jobs],
        }


def summarise_sweep(sweep: Sweep) -> Summary:
    """Summarise a sweep, by validation metrics only."""
    jobs = sweep.finished
    estimates = Estimates(jobs, sweep.monitor)
    settings = by_setting(jobs)
    best, mean, lowest = None, None, None
    as_good: tuple[Job, ...] = ()
    if settings:
        means = [estimates.of(group) for group in settings]
        at = int(np.argmax([one.value for one in means]))
        mean, best = means[at], max(settings[at], key=lambda job: job.value or -math.inf)
        lowest = min(one.value for one in means)
        gaps = estimates.gaps(settings)
        as_good = tuple(settings[i][0] for i, gap in enumerate(gaps) if i != at and not beaten(gap))
    found = [e for key in sweep.keys if key not in REPLICATES if (e := effect_of(key, jobs, estimates)) is not None]
    # A single key's share is always 1. If settings are few or differ only by noise, the shares measure noise.
    spare = len(settings) - 1 - sum(len(effect.levels) - 1 for effect in found)
    if len(found) < 2 or spare < 1 or len(as_good) >= len(settings) - 1:
        found = [replace(effect, share=None) for effect in found]
    found.sort(key=lambda effect: -(effect.share or 0.0))
    curve = curve_keys(sweep)
    choices = choices_of(curve, jobs, estimates)
    return Summary(sweep, estimates, best, mean, lowest, as_good, len(settings), tuple(found), curve, choices)


def beaten(gap: Estimate | None) -> bool:
    """Return whether a gap to the highest mean is significant."""
    return gap is not None and gap.low > 0


def by_setting(jobs: Sequence[Job]) -> list[tuple[Job, ...]]:
    """Group jobs that differ only in their seeds, in the order of first occurrence."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault(repr(job.setting()), []).append(job)
    return [tuple(group) for group in groups.values()]


def is_number(value: Value) -> bool:
    """Return whether a value is numeric; bools are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def values_of(key: str, jobs: Sequence[Job]) -> list[Value]:
    """Return the distinct values of a key: numbers in ascending order, others in the order of first occurrence."""
    values = list(dict.fromkeys(job.settings.get(key) for job in jobs))
    return sorted(values) if all(is_number(value) for value in values) else values  # type: ignore[type-var]


def in_ranges(key: str, jobs: Sequence[Job]) -> bool:
    """Return whether a key's values are compared in ranges.

    This is so for numbers with many values, or with values that a search sampled once each.
    """
    values = values_of(key, jobs)
    drawn = len(values) > 3 and len(values) == len(jobs) and any(isinstance(value, float) for value in values)
    return all(is_number(value) for value in values) and (len(values) > MOST_LEVELS or drawn)


def levels_of(key: str, jobs: Sequence[Job], estimates: Estimates) -> list[Level]:
    """Return the values of a key, or ranges if there are many, with the means of the jobs that have them."""
    values = values_of(key, jobs)
    if not in_ranges(key, jobs):
        groups: list[tuple[str, Value, list[Job]]] = [
            (told(value), value, [job for job in jobs if job.settings.get(key) == value]) for value in values
        ]
    else:
        ordered = sorted(jobs, key=lambda job: float(job.settings[key]))  # type: ignore[arg-type]
        groups = []
        for at in np.array_split(np.arange(len(ordered)), 3):
            part = [ordered[i] for i in at]
            low, high = (part[i].settings[key] for i in (0, -1))
            middle = float(np.median([float(job.settings[key]) for job in part]))
            groups.append((f"{told(low)} to {told(high)}", middle, part))
    return [Level(name, value, tuple(part), estimates.of(part)) for name, value, part in groups if part]


def effect_of(key: str, jobs: Sequence[Job], estimates: Estimates) -> Effect | None:
    """Compute the effect of a key; None if it has only one value."""
    levels = levels_of(key, jobs, estimates)
    if len(levels) < 2:
        return None
    best = max(levels, key=lambda level: level.estimate.value)
    worst = min(levels, key=lambda level: level.estimate.value)
    means = {job.number: estimates.of(group).value for group in by_setting(jobs) for job in group}
    grand = float(np.mean(list(means.values())))
    total = sum((mean - grand) ** 2 for mean in means.values())
    between = sum(
        len(level.jobs) * (float(np.mean([means[job.number] for job in level.jobs])) - grand) ** 2 for level in levels
    )
    share = min(1.0, between / total) if total > 0 else None
    gaps = estimates.gaps([level.jobs for level in levels])
    return Effect(key, tuple(levels), best, gaps[levels.index(worst)], share)


def curve_keys(sweep: Sweep) -> tuple[str | None, str | None]:
    """Select the key whose best value is chosen, and the key for whose values it is chosen.

    The first is the numeric key with the most values. The second is the other key with the fewest; text keys are
    preferred to numeric ones.
    """
    jobs = sweep.finished
    counts = {key: values_of(key, jobs) for key in sweep.keys if key not in REPLICATES}
    counts = {key: values for key, values in counts.items() if len(values) > 1}
    if not counts:
        return None, None
    numeric = [key for key, values in counts.items() if all(is_number(value) for value in values)]
    chosen = max(numeric or counts, key=lambda key: len(counts[key]))
    others = [key for key, values in counts.items() if key != chosen and len(values) <= MOST_LEVELS]
    return chosen, min(others, key=lambda key: (key in numeric, len(counts[key])), default=None)


def choices_of(curve: tuple[str | None, str | None], jobs: Sequence[Job], estimates: Estimates) -> tuple[Choice, ...]:
    """Return the best value of the first key for each value of the second."""
    key, given = curve
    if key is None:
        return ()
    found = []
    for value in [None] if given is None else values_of(given, jobs):
        levels = levels_of(key, [job for job in jobs if given is None or job.settings.get(given) == value], estimates)
        best = max(levels, key=lambda level: level.estimate.value)
        gaps = estimates.gaps([level.jobs for level in levels])
        equal = tuple(
            level.name for level, gap in zip(levels, gaps, strict=True) if level is not best and not beaten(gap)
        )
        lowest = min(level.estimate.value for level in levels)
        found.append(Choice(value, best, equal, len(equal) < len(levels) - 1, lowest))
    return tuple(found)


def told(value: Value) -> str:
    """Format a value as on the command line, with numbers shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _interval(estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {"mean": None, "low": None, "high": None}
    ends = {"mean": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: value if math.isfinite(value) else None for name, value in ends.items()}


def _effect(effect: Effect) -> dict[str, Any]:
    gap = _interval(effect.difference)
    return {
        "best": effect.best.name if beaten(effect.difference) else None,
        "highest": effect.best.name,
        "share_of_variance": effect.share,
        "best_minus_worst": {"value": gap.pop("mean"), **gap},
        "levels": [
            {"level": level.name, "jobs": len(level.jobs), **_interval(level.estimate)} for level in effect.levels
        ],
    }


def _job(job: Job, estimates: Estimates) -> dict[str, Any]:
    interval = _interval(estimates.of([job]) if job.value is not None else None)
    del interval["mean"]
    told = {"job": job.number, "status": job.status, "settings": job.settings, "value": job.value, **interval}
    return told | {**job.beside, "error": job.error or None}
