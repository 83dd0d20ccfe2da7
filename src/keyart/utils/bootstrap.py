"""Percentile bootstrap confidence intervals for means over queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "no difference"]
SIGNS: dict[Verdict, str] = {"better": "▲", "worse": "▼", "no difference": "="}
"""Symbol of each verdict, so that colour is not the only sign of a difference."""


def verdict(low: float, high: float) -> Verdict:
    """Return whether a difference's interval is above zero, below zero, or contains zero (or is unknown).

    Examples:
        >>> verdict(0.01, 0.02), verdict(-0.2, -0.1), verdict(-0.1, 0.1), verdict(float("nan"), float("nan"))
        ('better', 'worse', 'no difference', 'no difference')
    """
    return "better" if low > 0 else "worse" if high < 0 else "no difference"


CHUNK_BYTES = 64_000_000


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        value: The mean over the queries with a value; NaN if there is none.
        low: Lower end; NaN if there is none.
        high: Upper end; NaN if there is none.
        n_queries: Number of queries with a value.
    """

    value: float
    low: float
    high: float
    n_queries: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero: for a difference, whether it is significant at the interval's level."""
        return self.verdict != "no difference"

    @property
    def verdict(self) -> Verdict:
        """On which side of zero the interval of a difference is; see `verdict`."""
        return verdict(self.low, self.high)


def resample_means(values: npt.ArrayLike, *, replicates: int = 2000, seed: int = 0) -> Floats:
    """Return the column means of bootstrap samples: rows drawn with replacement, the same rows for every column.

    Args:
        values: (N, M) one row per query, one column per quantity; NaN where a query has no value. A column's mean is
            over the drawn rows that have a value.
        replicates: R, the number of samples.
        seed: Random seed; equal seeds and equal N draw the same rows, so that calls can be paired.

    Returns:
        (R, M) means, NaN where a sample contains no value of a column.

    Raises:
        ValueError: ``values`` is not two-dimensional or has no rows.

    Examples:
        >>> resample_means([[1.0, 5.0], [1.0, float("nan")]], replicates=3).tolist()[0][0]
        1.0
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) == 0:
        raise ValueError(f"values has shape {table.shape}; it must be (queries, columns) with at least one query")
    known = ~np.isnan(table)
    # Centred sums keep the rounding error relative to the spread, so that constant columns give exact means.
    centre = np.where(known.any(0), np.where(known, table, 0).sum(0) / np.maximum(known.sum(0), 1), np.nan)
    offset = np.where(known, table - centre, 0.0)
    parts = []
    for counts in _draw(len(table), replicates, seed):
        drawn = counts @ known.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(np.where(drawn > 0, counts @ offset / drawn, np.nan) + centre)
    return np.concatenate(parts)


def bootstrap_intervals(
    values: npt.ArrayLike, *, level: float = 0.95, replicates: int = 2000, seed: int = 0
) -> list[Interval]:
    """Return percentile bootstrap intervals of the columns' means (Efron and Tibshirani 1993, chapter 13).

    For the paired difference of two embeddings, pass the differences of their per-query values. A NaN in either
    embedding then removes the query from both.

    Args:
        values: (N, M) per-query values, NaN where a query has none.
        level: Coverage, in (0, 1).
        replicates: Number of bootstrap samples.
        seed: Random seed.

    Returns:
        M intervals; an interval over fewer than two queries has NaN as its ends.

    Raises:
        ValueError: ``values`` is not (N, M), or ``level`` is out of range.
    """
    table = np.asarray(values, dtype=np.float64)
    means = resample_means(table, replicates=replicates, seed=seed)
    known = ~np.isnan(table)
    count = known.sum(0)
    value = np.where(known, table, 0).sum(0) / np.where(count, count, np.nan)
    low, high = percentile_ends(means, level)
    few = count < 2
    low, high = np.where(few, np.nan, low), np.where(few, np.nan, high)
    return [Interval(float(v), float(a), float(b), int(n)) for v, a, b, n in zip(value, low, high, count, strict=True)]


def percentile_ends(means: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper ends of the central ``level`` of each column of (R, M) ``means``, without NaN values.

    Raises:
        ValueError: ``level`` is not in (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level}: choose a coverage between 0 and 1")
    table = np.asarray(means, dtype=np.float64)
    ends = np.full((2, table.shape[1]), np.nan)
    some = ~np.isnan(table).all(0)
    if some.any():
        ends[:, some] = np.nanquantile(table[:, some], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0], ends[1]


def _draw(n: int, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield (r, n) counts of how often each of n rows is drawn in each of r samples, in chunks that fit in memory."""
    rng = np.random.default_rng(seed)
    most = max(1, CHUNK_BYTES // (16 * n))
    for start in range(0, replicates, most):
        r = min(most, replicates - start)
        rows = rng.integers(0, n, size=(r, n))
        rows += np.arange(r)[:, None] * n
        yield np.bincount(rows.ravel(), minlength=r * n).reshape(r, n).astype(np.float64)
