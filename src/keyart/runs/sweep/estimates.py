"""How sure the figures of a sweep are: over the validation queries, or over seeds where seeds are swept."""

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
    """A mean of the monitor, or a difference of two.

    Attributes:
        value: The mean.
        low: Lower end of the 95% interval; NaN where none is known.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside."""
        return self.low > 0 or self.high < 0


class Estimates:
    """Means and differences over the finished jobs of a sweep.

    With one run a setting the interval is a percentile bootstrap over queries, the same queries being drawn for all
    jobs (Efron and Tibshirani 1993, chapter 13), so that differences are paired. With several seeds it is Student's t
    interval over the seeds' means, of differences over the seeds that both have.

    Args:
        jobs: Finished ones.
        monitor: The validation metric.
    """

    def __init__(self, jobs: Sequence[Job], monitor: str) -> None:
        self.jobs = {job.number: job for job in jobs}
        self._means, self._ids = _bootstrap(jobs, monitor)

    def of(self, jobs: Sequence[Job]) -> Estimate:
        """The mean over some jobs.

        Raises:
            ValueError: There are none.
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
        """How far each group's mean lies below the highest one, with intervals that hold for all pairs at a time.

        Whichever groups are picked by their means, in 95% of sweeps all intervals hold: the half width is the quantile
        of the range of the groups' bootstrap errors (Tukey's method, by bootstrap); over seeds it is Student's t at
        Bonferroni's level.

        Args:
            groups: Jobs of each.

        Returns:
            In their order, the highest mean minus the group's; None where the two cannot be paired. The first of the
            highest has a gap of 0.
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
        """(R,) bootstrap means over jobs whose queries are the same; None where they are not, or are not known."""
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
    """The difference of two groups over the seeds that both have; None where these are fewer than two."""
    both = [seed for seed in best if seed in other]
    gaps = [float(np.mean(best[seed]) - np.mean(other[seed])) for seed in both]
    return _student(gaps, float(np.mean(gaps)), level) if len(gaps) > 1 else None


def _student(values: Sequence[float], value: float, level: float = LEVEL) -> Estimate:
    """Student's t interval of a mean."""
    from scipy.stats import t

    reach = float(t.ppf((1 + level) / 2, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(value, value - reach, value + reach)


def _ends(drawn: Floats | None) -> tuple[float, float]:
    if drawn is None:
        return math.nan, math.nan
    low, high = percentile_ends(drawn[:, None], LEVEL)
    return float(low[0]), float(high[0])


def _bootstrap(jobs: Sequence[Job], monitor: str) -> tuple[dict[int, Floats], dict[int, int]]:
    """(R,) means of each job's bootstrap samples, and what tells jobs with other queries apart."""
    split, _, key = monitor.partition("/")
    means: dict[int, Floats] = {}
    queries: dict[int, int] = {}
    for job in jobs:
        table = _per_query(job.folder, split)
        values = None if table is None else metric_columns(table, key)
        if table is None or values is None:
            continue
        queries[job.number] = hash(tuple(table.index))
        # One seed: the same queries are drawn for every job that has as many.
        means[job.number] = sample_means(values, _REPLICATES, seed=0)
    return means, queries


def _per_query(folder: Path, split: str) -> pd.DataFrame | None:
    file = folder / "per_query.parquet"
    if not file.is_file():
        return None
    table = pd.read_parquet(file)
    table = table[table["split"] == split].set_index("id").sort_index()
    return table if len(table) else None
