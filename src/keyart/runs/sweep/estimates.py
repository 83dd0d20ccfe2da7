"""Confidence intervals of a sweep's means, over the validation queries, or over seeds where seeds are swept."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from keyart.runs.compare import metric_columns, sample_means
from keyart.runs.sweep.folder import REPLICATES, Job
from keyart.utils.bootstrap import Floats, percentile_ends

LEVEL = 0.95
_RESAMPLES = 2000
Seeds = Mapping[tuple[object, ...], list[float]]


@dataclass(frozen=True)
class Estimate:
    """A mean of the monitor, or a difference of two.

    Attributes:
        value: The mean.
        low: Lower end of the 95% interval; NaN if it is unknown.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the interval is known."""
        return math.isfinite(self.low)

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


class Estimates:
    """Means and differences over the finished jobs of a sweep.

    With one run a setting the interval is a percentile bootstrap over queries. The same queries are drawn for all jobs
    (Efron and Tibshirani 1993, chapter 13), so that differences are paired. With several seeds it is Student's t
    interval over the means of the seeds, and for differences over the seeds that both have.

    Args:
        jobs: Finished jobs.
        monitor: The validation metric.
    """

    def __init__(self, jobs: Sequence[Job], monitor: str) -> None:
        self._means: dict[int, Floats] = {}
        self._queries: dict[int, int] = {}
        split, _, key = monitor.partition("/")
        for job in jobs:
            table = _per_query(job.folder, split)
            values = None if table is None else metric_columns(table, key)
            if table is not None and values is not None:
                self._queries[job.number] = hash(tuple(table.index))
                # Jobs with the same number of queries share the drawn queries, so that they can be paired.
                self._means[job.number] = sample_means(values, _RESAMPLES, seed=0)

    def of(self, jobs: Sequence[Job]) -> Estimate:
        """Estimate the mean over some jobs."""
        if not jobs:
            raise ValueError("no jobs to take a mean of")
        means = [float(np.mean(values)) for values in _by_seed(jobs).values()]
        if len(means) > 1:
            return _student(means)
        samples = self._samples(jobs)
        if samples is None:
            return Estimate(means[0], math.nan, math.nan)
        low, high = percentile_ends(samples[:, None], LEVEL)
        return Estimate(means[0], float(low[0]), float(high[0]))

    def of_trained(self, jobs: Sequence[Job]) -> Estimate | None:
        """Estimate the mean of the trained branch alone; None if a job lacks it. One run has no interval."""
        if any(job.trained is None for job in jobs):
            return None
        means = [float(np.mean(values)) for values in _by_seed(jobs, "trained").values()]
        return _student(means) if len(means) > 1 else Estimate(means[0], math.nan, math.nan)

    def gaps(self, groups: Sequence[Sequence[Job]]) -> list[Estimate | None]:
        """Estimate how far each group's mean is below the highest, with intervals that hold for all pairs at once.

        Whichever groups are picked by their means, in 95% of sweeps all intervals hold: the half width is the quantile
        of the range of the groups' bootstrap errors (Tukey's method, by bootstrap); over seeds it is Student's t at
        Bonferroni's level.

        Returns:
            For each group the highest mean minus its own, 0 for the first of the highest; None if the two cannot be
            paired.
        """
        values = [self.of(group).value for group in groups]
        best = int(np.argmax(values))
        seeds = [_by_seed(group) for group in groups]
        if any(len(one) > 1 for one in seeds):
            pairs = max(1, len(groups) * (len(groups) - 1) // 2)
            return [_seeds_gap(seeds[best], other, 1 - (1 - LEVEL) / pairs) for other in seeds]
        errors = {}
        for at, group in enumerate(groups):
            samples = self._samples(group)
            # Pairs need the same queries.
            if samples is not None and self._samples([*groups[best], *group]) is not None:
                errors[at] = samples - values[at]
        if best not in errors:
            return [None] * len(groups)
        half = float(np.quantile(np.ptp(np.stack(list(errors.values())), axis=0), LEVEL))
        gaps = [values[best] - value for value in values]
        return [Estimate(gap, gap - half, gap + half) if at in errors else None for at, gap in enumerate(gaps)]

    def _samples(self, jobs: Sequence[Job]) -> Floats | None:
        """Return (R,) bootstrap means over jobs; None if their queries differ or are unknown."""
        if len({self._queries.get(job.number) for job in jobs}) > 1 or jobs[0].number not in self._means:
            return None
        return np.mean([self._means[job.number] for job in jobs], axis=0)


def _by_seed(jobs: Sequence[Job], name: str = "value") -> dict[tuple[object, ...], list[float]]:
    found: dict[tuple[object, ...], list[float]] = {}
    for job in jobs:
        if (value := getattr(job, name)) is not None:
            found.setdefault(tuple(job.settings.get(key) for key in REPLICATES), []).append(value)
    return found


def _seeds_gap(best: Seeds, other: Seeds, level: float) -> Estimate | None:
    """Estimate the difference of two groups over the seeds that both have; None if these are fewer than two."""
    gaps = [float(np.mean(best[seed]) - np.mean(other[seed])) for seed in best if seed in other]
    return _student(gaps, level) if len(gaps) > 1 else None


def _student(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Return a mean with Student's t interval."""
    from scipy.stats import t

    mean = float(np.mean(values))
    half = float(t.ppf((1 + level) / 2, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def _per_query(folder: Path, split: str) -> pd.DataFrame | None:
    file = folder / "per_query.parquet"
    if not file.is_file():
        return None
    table = pd.read_parquet(file)
    table = table[table["split"] == split].set_index("id").sort_index()
    return table if len(table) else None
