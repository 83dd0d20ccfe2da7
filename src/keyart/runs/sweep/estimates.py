"""Confidence intervals of a sweep's metrics, over the validation queries or over seeds if seeds are swept."""

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
_REPLICATES = 2000


@dataclass(frozen=True)
class Estimate:
    """Mean of the monitor, or a difference of two means, with its interval.

    Attributes:
        value: The mean.
        low: Lower end of the 95% interval; NaN if it is unknown.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


class Estimates:
    """Means and differences over the finished jobs of a sweep, with intervals.

    With one run per setting, the interval is a percentile bootstrap over queries. All jobs use the same sampled queries
    (Efron and Tibshirani 1993, chapter 13), so that differences are paired. With several seeds, it is Student's t
    interval over the seeds' means; for differences, over the seeds that both have.

    Args:
        jobs: Finished jobs.
        monitor: The validation metric.
    """

    def __init__(self, jobs: Sequence[Job], monitor: str) -> None:
        self.jobs = {job.number: job for job in jobs}
        self._means, self._ids = _bootstrap(jobs, monitor)

    def of(self, jobs: Sequence[Job]) -> Estimate:
        """Return the mean over some jobs.

        Raises:
            ValueError: There are no jobs.
        """
        if not jobs:
            raise ValueError("no jobs to take a mean of")
        by_seed = _by_seed(jobs)
        value = float(np.mean([np.mean(values) for values in by_seed.values()]))
        if len(by_seed) > 1:
            return _student([float(np.mean(values)) for values in by_seed.values()], value)
        drawn = self._drawn(jobs)
        return Estimate(value, *_ends(drawn))

    def gaps(self, groups: Sequence[Sequence[Job]]) -> list[Estimate | None]:
        """Return the gap from each group's mean to the highest mean, with simultaneous intervals for all pairs.

        In 95% of sweeps all intervals hold, whichever groups are selected by their means. The half width is the
        quantile of the range of the groups' bootstrap errors (Tukey's method, by bootstrap); over seeds it is Student's
        t at Bonferroni's level.

        Args:
            groups: Jobs of each group.

        Returns:
            For each group the highest mean minus its own; None if the two cannot be paired. The gap of the group with
            the highest mean (the first of equals) is 0.
        """
        values = [self.of(group).value for group in groups]
        best = int(np.argmax(values))
        by_seed = [_by_seed(group) for group in groups]
        if any(len(one) > 1 for one in by_seed):
            pairs = max(1, len(groups) * (len(groups) - 1) // 2)
            return [_seeds_gap(by_seed[best], other, 1 - (1 - LEVEL) / pairs) for other in by_seed]
        drawn = [self._drawn(group) for group in groups]
        found: list[Estimate | None] = [None] * len(groups)
        if drawn[best] is None:
            return found
        errors = {
            at: one - values[at]
            for at, one in enumerate(drawn)
            if one is not None and self._same_queries(groups[best], groups[at])
        }
        reach = float(np.quantile(np.ptp(np.stack(list(errors.values())), axis=0), LEVEL))
        for at in errors:
            gap = values[best] - values[at]
            found[at] = Estimate(gap, gap - reach, gap + reach)
        return found

    def _same_queries(self, jobs: Sequence[Job], others: Sequence[Job]) -> bool:
        return len({self._ids.get(job.number) for job in (*jobs, *others)}) == 1

    def _drawn(self, jobs: Sequence[Job]) -> Floats | None:
        """Return (R,) bootstrap means over jobs; None if their queries differ or are unknown."""
        known = [self._means.get(job.number) for job in jobs]
        if any(one is None for one in known) or len({self._ids.get(job.number) for job in jobs}) > 1:
            return None
        return np.mean([one for one in known if one is not None], axis=0)


def _by_seed(jobs: Sequence[Job]) -> dict[tuple[object, ...], list[float]]:
    found: dict[tuple[object, ...], list[float]] = {}
    for job in jobs:
        if job.value is not None:
            seed = tuple(job.settings.get(key) for key in REPLICATES)
            found.setdefault(seed, []).append(job.value)
    return found


def _seeds_gap(
    best: Mapping[tuple[object, ...], list[float]], other: Mapping[tuple[object, ...], list[float]], level: float
) -> Estimate | None:
    """Return the difference of two groups over their common seeds; None if there are fewer than two."""
    both = [seed for seed in best if seed in other]
    gaps = [float(np.mean(best[seed]) - np.mean(other[seed])) for seed in both]
    return _student(gaps, float(np.mean(gaps)), level) if len(gaps) > 1 else None


def _student(values: Sequence[float], value: float, level: float = LEVEL) -> Estimate:
    """Return Student's t interval of a mean."""
    from scipy.stats import t

    reach = float(t.ppf((1 + level) / 2, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(value, value - reach, value + reach)


def _ends(drawn: Floats | None) -> tuple[float, float]:
    if drawn is None:
        return math.nan, math.nan
    low, high = percentile_ends(drawn[:, None], LEVEL)
    return float(low[0]), float(high[0])


def _bootstrap(jobs: Sequence[Job], monitor: str) -> tuple[dict[int, Floats], dict[int, int]]:
    """Return (R,) bootstrap means of each job, and a hash of each job's queries."""
    split, _, key = monitor.partition("/")
    means: dict[int, Floats] = {}
    queries: dict[int, int] = {}
    for job in jobs:
        table = _per_query(job.folder, split)
        values = None if table is None else metric_columns(table, key)
        if table is None or values is None:
            continue
        queries[job.number] = hash(tuple(table.index))
        # The same seed samples the same queries for every job with as many queries.
        means[job.number] = sample_means(values, _REPLICATES, seed=0)
    return means, queries


def _per_query(folder: Path, split: str) -> pd.DataFrame | None:
    file = folder / "per_query.parquet"
    if not file.is_file():
        return None
    table = pd.read_parquet(file)
    table = table[table["split"] == split].set_index("id").sort_index()
    return table if len(table) else None
