"""Comparison of finished runs, with significance of their differences by paired bootstrap over queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.errors import InputError
from keyart.metrics.result import ratio
from keyart.runs.evaluation.metric_names import is_genre
from keyart.runs.evaluation.scores import MACRO, metric_keys
from keyart.runs.run import Run
from keyart.utils.bootstrap import Floats, Verdict, percentile_ends, resample_means, verdict
from keyart.utils.reading import read_frame


@dataclass(frozen=True)
class Difference:
    """Difference of a run's metric from the first run's, over the same queries.

    Attributes:
        value: This run's mean minus the first one's.
        low: Lower end of the paired bootstrap interval.
        high: Upper end.
        lift_ratio: This run's lift divided by the first one's, with chance and each frozen backbone treated as
            constants; None if either lift is undefined or the first is within 1.96 standard errors of 0.
        ratio_low: Lower end of the ratio's interval.
        ratio_high: Upper end.
    """

    value: float
    low: float
    high: float
    lift_ratio: float | None
    ratio_low: float | None
    ratio_high: float | None

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero."""
        return self.verdict != "no difference"

    @property
    def verdict(self) -> Verdict:
        """Whether this run is significantly better or worse than the first one."""
        return verdict(self.low, self.high)

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON."""
        return {
            "difference": self.value,
            "low": self.low,
            "high": self.high,
            "significant": self.significant,
            "verdict": self.verdict,
            "lift_ratio": self.lift_ratio,
            "lift_ratio_low": self.ratio_low,
            "lift_ratio_high": self.ratio_high,
        }


@dataclass(frozen=True)
class Row:
    """One metric of K runs.

    Attributes:
        metric: ``<split>/<metric>``.
        chance: Its expectation under a random ranking.
        values: K values, None where undefined.
        frozen: K values of the runs' frozen backbones.
        lifts: K lifts.
        differences: K differences from the first run; None for the first run itself and where per-query values are
            unknown.
    """

    metric: str
    chance: float | None
    values: tuple[float | None, ...]
    frozen: tuple[float | None, ...]
    lifts: tuple[float | None, ...]
    differences: tuple[Difference | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Comparison of K runs on one split.

    Attributes:
        runs: Their folders.
        names: Their configured names.
        queries: Number of query posters.
        gallery: Number of gallery posters.
        level: Coverage of the intervals.
        rows: One per metric.
    """

    runs: tuple[Path, ...]
    names: tuple[str, ...]
    queries: int
    gallery: int
    level: float
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Convert to a dict for JSON.

        ``metrics`` has for each metric one entry per run, in the order of ``runs``.
        """
        metrics = {
            row.metric: {
                "chance": row.chance,
                "runs": [
                    {"value": value, "frozen": frozen, "lift": lift} | (other.to_dict() if other else {})
                    for value, frozen, lift, other in zip(
                        row.values, row.frozen, row.lifts, row.differences, strict=True
                    )
                ],
            }
            for row in self.rows
        }
        about: dict[str, Any] = {"runs": [str(run) for run in self.runs], "names": list(self.names)}
        about |= {"queries": self.queries, "gallery": self.gallery, "level": self.level}
        return about | {"metrics": metrics}


def compare_runs(
    runs: Sequence[Run], *, split: str = "test", level: float = 0.95, replicates: int = 2000, seed: int = 0
) -> Comparison:
    """Compare runs by paired bootstrap over their queries (Efron and Tibshirani 1993, chapter 13).

    Each bootstrap sample draws the same queries for all runs, and a mean over genres is recomputed in each sample. A
    difference is significant if its interval excludes zero. Intervals are not corrected for multiple comparisons.

    Args:
        runs: Two or more; each is compared with the first.
        split: ``test`` or ``val``.
        level: Coverage of the intervals.
        replicates: Number of bootstrap samples.
        seed: Seed of the samples.

    Raises:
        InputError: There are fewer than two runs, or they were not evaluated on the same posters with the same
            relevance.
    """
    if len(runs) < 2:
        raise InputError("compare: name two runs or more; the others are compared with the first")
    for other in runs[1:]:
        _refuse_strangers(runs[0], other)
    tables = [_per_query(run, split) for run in runs]
    ids = tables[0].index
    for run, table in zip(runs, tables, strict=True):
        if len(table) != len(ids) or set(table.index) != set(ids):
            raise InputError(f"{run.folder}: per_query.parquet contains other {split} queries; copy the run again")
    tables = [table.loc[ids] for table in tables]
    shared = set.intersection(*(set(metric_keys(run.metrics, split)) for run in runs))
    keys = [key for key in metric_keys(runs[0].metrics, split) if key in shared and not is_genre(key)]
    rows = [_row(runs, tables, f"{split}/{key}", level, replicates, seed) for key in keys]
    queries, gallery = (int(runs[0].metrics.get(f"{split}/{key}") or 0) for key in ("queries", "gallery"))
    names = tuple(str(run.config.get("name", run.folder.name)) for run in runs)
    return Comparison(tuple(run.folder for run in runs), names, queries, gallery, level, tuple(rows))


def _row(
    runs: Sequence[Run], tables: Sequence[pd.DataFrame], metric: str, level: float, replicates: int, seed: int
) -> Row:
    def collect(end: str) -> tuple[Any, ...]:
        """Return one number or None for each run."""
        return tuple(run.metrics.get(metric + end) for run in runs)

    values, frozen, lifts, chance = (
        collect(""),
        collect("/frozen"),
        collect("/lift"),
        runs[0].metrics.get(f"{metric}/chance"),
    )
    columns = [metric_columns(table, metric.partition("/")[2]) for table in tables]
    differences: list[Difference | None] = [None]
    for at in range(1, len(runs)):
        first, own = columns[0], columns[at]
        if first is None or own is None or values[0] is None or values[at] is None or first.shape != own.shape:
            differences.append(None)
            continue
        means = [sample_means(part, replicates, seed) for part in (first, own)]
        low, high = _ends(means[1] - means[0], level)
        ratios: tuple[float | None, ...] = (None, None, None)
        if chance is not None and lifts[0] is not None and lifts[at] is not None:
            gains = [
                (mean - chance) / (base - chance) for mean, base in zip(means, (frozen[0], frozen[at]), strict=True)
            ]
            # The standard deviation of the bootstrap means is the first lift's standard error.
            if (found := ratio(lifts[at], lifts[0], float(gains[0].std()))) is not None:
                # A ratio whose denominator may be 0 has no interval.
                ends = _ends(gains[1] / gains[0], level) if (gains[0] > 0).all() else (None, None)
                ratios = (found, *ends)
        differences.append(Difference(values[at] - values[0], low, high, *ratios))
    return Row(metric, chance, values, frozen, lifts, tuple(differences))


def metric_columns(table: pd.DataFrame, key: str) -> Floats | None:
    """Return (Q, 1) per-query values of a metric, or (Q, genres) of a mean over genres; None if they are unknown."""
    if key in table:
        return table[[key]].to_numpy(dtype=np.float64)
    if MACRO not in key:
        return None
    head, _, rest = key.partition(MACRO)
    of_genres = [name for name in map(str, table.columns) if name.startswith(f"{head}/genre/")]
    parts = [name for name in of_genres if name.endswith("/dedup") == (rest == "/dedup")]
    return table[parts].to_numpy(dtype=np.float64) if parts else None


def sample_means(values: Floats, replicates: int, seed: int) -> Floats:
    """Return (R,) means of bootstrap samples, over queries and then over columns."""
    means = resample_means(values, replicates=replicates, seed=seed)
    known = ~np.isnan(means)
    return np.asarray(np.where(known, means, 0).sum(1) / np.maximum(known.sum(1), 1))


def _ends(samples: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = percentile_ends(samples[:, None], level)
    return float(low[0]), float(high[0])


def _per_query(run: Run, split: str) -> pd.DataFrame:
    path = run.folder / "per_query.parquet"
    table = read_frame(path, pd.read_parquet, ["id", "split"])
    table = table[table["split"] == split].set_index("id").drop(columns="split")
    if not len(table):
        raise InputError(f"{path}: holds no {split} queries; train the run with posters in that split")
    return table


def _refuse_strangers(first: Run, other: Run) -> None:
    """Check that two runs have the same posters, splits and relevance, so that they can be compared."""
    text = f"{other.folder}: cannot be compared with {first.folder}, it "
    dataset = [run.dataset for run in (first, other)]
    if dataset[0].get("fingerprint") != dataset[1].get("fingerprint"):
        names = [f"{one.get('catalogue')} ({one.get('posters')} posters)" for one in dataset]
        raise InputError(f"{text}has other posters or genres: {names[1]}, not {names[0]}; train it on the same table")
    mine, theirs = first.splits, other.splits
    if len(mine) != len(theirs) or not theirs.reindex(mine.index).equals(mine):
        seeds = [run.config["data"].get("split_seed") for run in (first, other)]
        hint = f" (data.split_seed={seeds[1]}, not {seeds[0]})" if seeds[0] != seeds[1] else ""
        raise InputError(f"{text}has other splits{hint}; train it with the same data.split_seed and data.split")
    kinds = [run.setting("evaluation", "relevance") for run in (first, other)]
    if kinds[0] != kinds[1]:
        raise InputError(
            f"{text}was evaluated with evaluation.relevance={kinds[1]}, not {kinds[0]}; give both the same"
        )
