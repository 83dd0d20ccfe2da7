"""The result of a retrieval evaluation, and its form in a run's files."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from keyart.utils.bootstrap import Interval, bootstrap_intervals

Z_95 = 1.96
"""Number of standard errors on each side of a mean that contain 95% of a normal distribution."""
# A smaller difference of means is a rounding error and must not be a divisor.
_NOTHING = 1e-9


@dataclass(frozen=True)
class MetricValue:
    """One metric of a retrieval evaluation.

    Attributes:
        value: The mean over queries; NaN if none counts.
        chance: Its expectation under a random ranking.
        interval: 95% bootstrap interval over queries; None for a mean over labels.
        left_out: Number of queries for which nothing is relevant.
    """

    value: float
    chance: float
    interval: Interval | None
    left_out: int


@dataclass(frozen=True, eq=False)
class RetrievalResult:
    """Results of a retrieval evaluation: how well embeddings rank a gallery.

    Attributes:
        ids: (Q,) ids of the queries, in their input order.
        queries: Number of queries, including those that metrics left out.
        gallery: Number of gallery rows, including the query itself if it is one of them.
        summary: Each metric's mean over the queries that it counts; NaN if it counts none.
        chance: The expectation of each metric under a random ranking, over the same queries.
        errors: The standard error over queries of each metric's ``summary − chance``; NaN if it counts fewer than two
            queries.
        left_out: For each metric, the number of queries that it left out because they have no relevant rows.
        per_query: For each metric that is a mean over queries, (Q,) float64, NaN where it leaves a query out or does
            not apply to it (a genre that the query does not have).
    """

    ids: np.ndarray
    queries: int
    gallery: int
    summary: dict[str, float]
    chance: dict[str, float]
    errors: dict[str, float]
    left_out: dict[str, int]
    per_query: dict[str, np.ndarray]

    def __getitem__(self, metric: str) -> "MetricValue":
        """Return one metric with its chance level and interval.

        Raises:
            KeyError: The metric was not computed.
        """
        if metric not in self.summary:
            raise KeyError(f"{metric}: choose one of {', '.join(self.summary)}")
        value, left_out = self.summary[metric], self.left_out[metric]
        interval = bootstrap_intervals(self.per_query[metric][:, None])[0] if metric in self.per_query else None
        return MetricValue(value, self.chance[metric], interval, left_out)

    def __repr__(self) -> str:
        head = ", ".join(f"{name} {value:.4f}" for name, value in list(self.summary.items())[:3])
        return f"RetrievalResult({self.queries} queries in {self.gallery}: {head}, …)"


def lift(value: float, chance: float, frozen: float, error: float = 0.0) -> float | None:
    """Return the lift (value − chance) / (frozen − chance): 0 is a random ranking, 1 the frozen backbone.

    It is undefined (None) unless the frozen backbone is above chance by more than 1.96 standard errors. A denominator
    that may be zero turns noise into large numbers of either sign. With a negative one, a better value has a smaller
    lift.

    Args:
        value: The metric of the embedding.
        chance: Its expectation under a random ranking.
        frozen: The metric of the frozen backbone.
        error: The standard error over queries of ``frozen − chance`` (`RetrievalResult.errors` of the frozen backbone);
            0 if both are exact.

    Returns:
        The lift; None if a term is NaN or ``frozen − chance`` is not above its noise.

    Examples:
        >>> round(lift(0.29, 0.19, 0.27, error=0.004), 3)
        1.25
        >>> lift(0.29, 0.19, 0.20, error=0.006) is None
        True
    """
    return ratio(value - chance, frozen - chance, error)


def ratio(numerator: float, denominator: float, error: float = 0.0) -> float | None:
    """Divide by a quantity that must be significantly above 0.

    Args:
        numerator: Any number.
        denominator: The estimated divisor.
        error: The standard error of ``denominator``.

    Returns:
        The quotient; None if a term is NaN or ``denominator`` is not above 0 by more than 1.96 standard errors.

    Examples:
        >>> ratio(1.0, 0.5, 0.1), ratio(1.0, 0.5, 0.3)
        (2.0, None)
    """
    if not math.isfinite(numerator) or not denominator > max(Z_95 * error, _NOTHING) or math.isnan(error):
        return None
    return numerator / denominator


def merge_frozen(result: RetrievalResult, frozen: RetrievalResult | None, split: str) -> dict[str, float | None]:
    """Combine the results of an embedder and its frozen backbone into one flat dict, the content of ``metrics.json``.

    Args:
        result: Results of the embedder.
        frozen: Results of its frozen backbone on the same queries and gallery; None if there are none.
        split: ``train``, ``val``, ``test`` or ``eval``.

    Returns:
        ``<split>/queries`` and ``<split>/gallery``; for each metric ``<split>/<metric>`` and below it ``/chance``,
        ``/frozen``, ``/lift`` and ``/left_out``. Undefined values are None, never NaN.

    Raises:
        ValueError: The two results have different queries or galleries.
    """
    if frozen is not None and not same_queries(result, frozen):
        raise ValueError(
            f"{split}: the frozen backbone was evaluated on other posters ({frozen.queries} in {frozen.gallery}, not"
            f" {result.queries} in {result.gallery})"
        )
    flat: dict[str, float | None] = {
        f"{split}/queries": result.queries,
        f"{split}/gallery": result.gallery,
    }
    for name, value in result.summary.items():
        chance = result.chance[name]
        base = math.nan if frozen is None else frozen.summary.get(name, math.nan)
        flat[f"{split}/{name}"] = _number(value)
        flat[f"{split}/{name}/chance"] = _number(chance)
        flat[f"{split}/{name}/frozen"] = _number(base)
        error = math.nan if frozen is None else frozen.errors.get(name, math.nan)
        flat[f"{split}/{name}/lift"] = lift(value, chance, base, error)
        flat[f"{split}/{name}/left_out"] = result.left_out[name]
    return flat


def same_queries(a: RetrievalResult, b: RetrievalResult) -> bool:
    """Return whether two results have the same queries and galleries of equal size."""
    return a.gallery == b.gallery and a.queries == b.queries and set(a.ids.tolist()) == set(b.ids.tolist())


def nan_mean(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(values)) if len(values) else math.nan


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of `nan_mean`; NaN if fewer than two values are known.

    A mean of means, such as the mean over genres, is also a sum over queries: each query contributes its deviation from
    each column's mean, divided by that column's count.

    Args:
        values: (Q,) one value per query, or (Q, C) columns whose means are averaged; NaN where a query has no value.

    Examples:
        >>> standard_error(np.array([0.0, 1.0, np.nan])), standard_error(np.array([0.5]))
        (0.5, nan)
    """
    table = values.reshape(len(values), -1)
    known = np.isfinite(table)
    counts = known.sum(0)
    known, table, counts = known[:, counts > 0], table[:, counts > 0], counts[counts > 0]
    queries = int(known.any(1).sum())
    if queries < 2:
        return math.nan
    means = np.where(known, table, 0.0).sum(0) / counts
    influence = (np.where(known, table - means, 0.0) / counts).mean(1)
    return float(np.sqrt((influence**2).sum() * queries / (queries - 1)))


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
