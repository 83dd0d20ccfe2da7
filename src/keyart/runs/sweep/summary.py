"""Summary of a sweep: its best setting, the effect of each key, and the best value of one key given another."""

import math
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from keyart.runs.evaluation.metric_names import metric_name
from keyart.runs.sweep.comparison import (
    Comparison,
    by_setting,
    compare_levels,
    curve_keys,
    is_worse,
    values_of,
    variance_share,
)
from keyart.runs.sweep.estimates import Estimate, Estimates
from keyart.runs.sweep.folder import REPLICATES, Job, Sweep
from keyart.runs.sweep.state import Status


@dataclass(frozen=True)
class Summary:
    """Summary of a sweep.

    Attributes:
        sweep: The sweep.
        estimates: Estimates of its finished jobs.
        best: The best job of the setting with the highest mean; None if no job has finished.
        best_setting: The mean over the jobs (seeds) of that setting.
        lowest: The lowest mean of a setting.
        as_good: One job of each other setting that is not significantly worse.
        settings: The number of settings with a finished job.
        effects: Comparison of each key with several values, the strongest effect first.
        curve: See `curve_keys`.
        choices: Comparison of the first key's values for each value of the second key of `curve`.
    """

    sweep: Sweep
    estimates: Estimates
    best: Job | None
    best_setting: Estimate | None
    lowest: float | None
    as_good: tuple[Job, ...]
    settings: int
    effects: tuple[Comparison, ...]
    curve: tuple[str | None, str | None]
    choices: tuple[Comparison, ...]

    @property
    def metric(self) -> str:
        """Display name of the monitor, without its split."""
        return metric_name(self.sweep.monitor.partition("/")[2])

    @property
    def over_seeds(self) -> bool:
        """Whether seeds are swept, so that intervals are over seeds instead of queries."""
        return any(key in self.sweep.keys for key in REPLICATES)

    @property
    def decided(self) -> bool:
        """Whether any setting is significantly worse than the highest; otherwise none is called the best."""
        return len(self.as_good) < self.settings - 1

    @property
    def verdict(self) -> str:
        """One sentence that compares the settings."""
        if len(self.sweep.finished) == 1 < len(self.sweep.jobs):
            return f"Only one of {len(self.sweep.jobs)} jobs has finished: nothing to compare."
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
        """Reason why lifts cannot be compared; empty if they can."""
        scales = {tuple(job.references.get(name) for name in ("chance", "frozen")) for job in self.sweep.finished}
        if len(scales) < 2:
            return ""
        differing = "Chance or frozen backbone differ between jobs, and with them the zero and unit of lift"
        return f"{differing}: compare {self.metric}."

    def by_value(self) -> list[Job]:
        """Return all jobs, the highest first and those without a value last."""
        return sorted(self.sweep.jobs, key=lambda job: -math.inf if job.value is None else job.value, reverse=True)

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON."""
        sweep, highest = self.sweep, None
        if self.best is not None and self.best_setting is not None:
            highest = {
                "job": self.best.number,
                "run": str(self.best.folder),
                "settings": self.best.settings,
                "value": self.best.value,
                "setting": _interval(self.best_setting),
            }
        return {
            "sweep": str(sweep.folder),
            "name": sweep.name or None,
            "monitor": sweep.monitor,
            "keys": list(sweep.keys),
            "counts": {name: sum(job.status == name for job in sweep.jobs) for name in get_args(Status)},
            "best": highest if self.decided else None,
            "highest": highest,
            "not_significantly_worse": [job.number for job in self.as_good],
            "verdict": self.verdict,
            "lift_comparable": not self.lift_note,
            "effects": {effect.key: _effect(effect) for effect in self.effects},
            "choices": {"key": self.curve[0], "for": self.curve[1], "best": [_choice(one) for one in self.choices]},
            "jobs": [_job(job, self.estimates) for job in sweep.jobs],
        }


def summarise_sweep(sweep: Sweep) -> Summary:
    """Summarise a sweep by its validation metrics."""
    jobs = sweep.finished
    estimates = Estimates(jobs, sweep.monitor)
    groups = by_setting(jobs)
    means = [estimates.of(group) for group in groups]
    best, at = None, 0
    as_good: tuple[Job, ...] = ()
    if groups:
        at = int(np.argmax([mean.value for mean in means]))
        best = max(groups[at], key=lambda job: job.value or -math.inf)
        gaps = estimates.gaps(groups)
        as_good = tuple(groups[i][0] for i, gap in enumerate(gaps) if i != at and not is_worse(gap))
    keys = [key for key in sweep.keys if key not in REPLICATES and len(values_of(key, jobs)) > 1]
    effects = [effect for key in keys if len((effect := compare_levels(key, jobs, estimates)).levels) > 1]
    # Shares have no meaning for a single key (it is 1), for few settings, or if the settings differ only by noise.
    spare = len(groups) - 1 - sum(len(effect.levels) - 1 for effect in effects)
    if len(effects) > 1 and spare > 0 and len(as_good) < len(groups) - 1:
        effects = [replace(effect, share=variance_share(effect, groups, means)) for effect in effects]
    key, other = curve = curve_keys(keys, jobs)
    choices = []
    for value in [None] if other is None else values_of(other, jobs):
        part = [job for job in jobs if other is None or job.settings.get(other) == value]
        choices += [] if key is None else [replace(compare_levels(key, part, estimates), given=value)]
    return Summary(
        sweep,
        estimates,
        best,
        means[at] if groups else None,
        min((mean.value for mean in means), default=None),
        as_good,
        len(groups),
        tuple(sorted(effects, key=lambda effect: -(effect.share or 0.0))),
        curve,
        tuple(choices),
    )


def _interval(estimate: Estimate | None, name: str = "mean") -> dict[str, float | None]:
    ends = (math.nan,) * 3 if estimate is None else (estimate.value, estimate.low, estimate.high)
    return {key: end if math.isfinite(end) else None for key, end in zip((name, "low", "high"), ends, strict=True)}


def _effect(effect: Comparison) -> dict[str, Any]:
    levels = [{"level": level.name, "jobs": len(level.jobs), **_interval(level.estimate)} for level in effect.levels]
    return {
        "best": effect.best.name if is_worse(effect.difference) else None,
        "highest": effect.best.name,
        "share_of_variance": effect.share,
        "best_minus_worst": _interval(effect.difference, "value"),
        "levels": levels,
    }


def _choice(choice: Comparison) -> dict[str, Any]:
    best = choice.best
    value = best.name if choice.decided else None
    names = {"given": choice.given, "value": value, "highest": best.name, "as_good": list(choice.as_good)}
    return names | _interval(best.estimate)


def _job(job: Job, estimates: Estimates) -> dict[str, Any]:
    interval = _interval(estimates.of([job]) if job.value is not None else None, "value")
    known = {"job": job.number, "status": job.status, "settings": job.settings, **interval, "value": job.value}
    return known | {**job.references, "trained_branch": job.trained, "error": job.error or None}
