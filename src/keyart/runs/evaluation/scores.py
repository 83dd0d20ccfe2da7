"""Metrics of a split as rows of a table, with bootstrap intervals over its queries."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.metrics import registry
from keyart.metrics.result import RetrievalResult
from keyart.runs.evaluation.metric_names import BESIDE, is_genre, is_variant
from keyart.utils.bootstrap import Floats, Interval, bootstrap_intervals, percentile_ends, resample_means

MACRO = f"/genre{registry.MACRO}"


@dataclass(frozen=True)
class Score:
    """One metric with its chance level, frozen value, lift and intervals.

    Attributes:
        key: Name of the metric without the split.
        value: Value of the embedding.
        chance: Expectation under a random ranking.
        frozen: Value of the frozen backbone.
        lift: (value - chance) / (frozen - chance); None if frozen does not exceed chance by more than its noise.
        interval: Interval of the value; None if per-query values are unknown.
        difference: Interval of value - frozen over the same queries; None if per-query values are unknown.
    """

    key: str
    value: float | None
    chance: float | None
    frozen: float | None
    lift: float | None
    interval: Interval | None = None
    difference: Interval | None = None


def collect_scores(
    metrics: Mapping[str, float | None],
    split: str,
    per_query: pd.DataFrame | None = None,
    frozen_per_query: pd.DataFrame | None = None,
    *,
    replicates: int = 2000,
    seed: int = 0,
) -> list[Score]:
    """Collect a split's metrics that have additional values (chance, frozen, lift), with their intervals.

    Args:
        metrics: Flat: ``<split>/<metric>``, with suffixes ``/chance`` and so on.
        split: Name of the split.
        per_query: One row per query: ``id``, ``split`` (may be absent if all rows are of the split), and one column per
            metric. A mean over genres is resampled through its genres' columns.
        frozen_per_query: The same for the frozen backbone.
        replicates: Number of bootstrap samples.
        seed: Seed of the samples.

    Returns:
        One score per metric, in the order of ``metrics``.

    Raises:
        ValueError: The two tables hold different queries.
    """
    keys = metric_keys(metrics, split)
    ours, frozen = _of_split(per_query, split), _of_split(frozen_per_query, split)
    own = _intervals(ours, keys, replicates, seed)
    paired = _intervals(_gaps(ours, frozen), keys, replicates, seed)
    scores = []
    for key in keys:
        beside = {kind: metrics.get(f"{split}/{key}/{kind}") for kind in ("chance", "frozen", "lift")}
        scores.append(
            Score(key, metrics[f"{split}/{key}"], **beside, interval=own.get(key), difference=paired.get(key))
        )
    return scores


def per_query_table(result: RetrievalResult, split: str) -> pd.DataFrame:
    """Return a table with one row per query: ``id``, ``split`` and each metric, the content of ``per_query.parquet``.

    A metric that is not a mean over queries (``precision@10/genre_macro``) has no column; the metrics that it averages
    have one each.
    """
    return pd.DataFrame({"id": result.ids, "split": split, **result.per_query})


def metric_keys(metrics: Mapping[str, float | None], split: str) -> list[str]:
    """Return the metrics of a split that have additional values (such as chance), in order.

    Examples:
        >>> metric_keys({"test/queries": 9, "test/map": 0.2, "test/map/chance": 0.1, "val/map": 0.3}, "test")
        ['map']
    """
    inside = [key.removeprefix(f"{split}/") for key in metrics if key.startswith(f"{split}/")]
    names = [name for name in inside if not is_variant(name)]
    parents = {name.rpartition("/")[0] for name in names if name.rpartition("/")[2] in BESIDE}
    return [name for name in names if name in parents]


def _of_split(table: pd.DataFrame | None, split: str) -> pd.DataFrame | None:
    if table is None:
        return None
    if "split" in table:
        table = table[table["split"] == split]
    return table.set_index("id").drop(columns="split", errors="ignore") if len(table) else None


def _gaps(ours: pd.DataFrame | None, frozen: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return value minus frozen value for each query and each metric that both tables have."""
    if ours is None or frozen is None:
        return None
    if len(ours) != len(frozen) or set(ours.index) != set(frozen.index):
        raise ValueError(f"per_query holds {len(ours)} queries, frozen_per_query {len(frozen)} that are not the same")
    columns = [name for name in ours if name in frozen]
    return ours[columns] - frozen.loc[ours.index, columns]


def _intervals(table: pd.DataFrame | None, keys: list[str], replicates: int, seed: int) -> dict[str, Interval]:
    if table is None:
        return {}
    columns = [key for key in keys if key in table]
    values = table[columns].to_numpy(dtype=np.float64)
    found = (
        dict(zip(columns, bootstrap_intervals(values, replicates=replicates, seed=seed), strict=True))
        if columns
        else {}
    )
    for key in keys:
        parts = [name for name in columns if _macro_of(name) == key]
        if key not in found and parts:
            found[key] = _macro(table[parts].to_numpy(dtype=np.float64), replicates, seed)
    return found


def _macro_of(name: str) -> str | None:
    """Return the mean over genres to which a genre's metric belongs."""
    if not is_genre(name):
        return None
    head, _, rest = name.partition("/genre/")
    return head + MACRO + ("/dedup" if rest.endswith("/dedup") else "")


def _macro(values: Floats, replicates: int, seed: int) -> Interval:
    """Return the interval of the mean of the columns' means."""
    means = resample_means(values, replicates=replicates, seed=seed)
    low, high = percentile_ends(_row_means(means)[:, None])
    value = _row_means(_row_means(values.T)[None])[0]
    return Interval(float(value), float(low[0]), float(high[0]), int((~np.isnan(values)).any(1).sum()))


def _row_means(table: npt.NDArray[np.float64]) -> Floats:
    known = ~np.isnan(table)
    count = known.sum(1)
    return np.where(known, table, 0).sum(1) / np.where(count, count, np.nan)
