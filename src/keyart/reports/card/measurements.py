"""Measurements of an image set as plain values: entropies with intervals, and intrinsic dimensions."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.images.complexity import MEASURES, measure
from keyart.metrics.dimension import Dimension, distinct_rows, intrinsic_dimension, nearest_distances, two_nn
from keyart.reports.card.references import ImageSet
from keyart.utils.bootstrap import bootstrap_intervals

FEWEST = 200
"""Minimum number of images for an estimate of dimension; with fewer images it would be mostly noise."""

_PARTS = (1, 2, 4, 8)


def number(value: float) -> float | None:
    """Return a finite number as float, otherwise None, because JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def summarise_entropies(values: npt.NDArray[np.float64]) -> dict[str, dict[str, float | None]]:
    """Return mean, 95% bootstrap interval, deviation and quantiles of (N, 3) entropies, by measure, in bits."""
    record = {}
    for column, (name, interval) in enumerate(zip(MEASURES, bootstrap_intervals(values), strict=True)):
        spread = np.quantile(values[:, column], [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        names = ("min", "5%", "25%", "50%", "75%", "95%", "max")
        record[name] = {
            "mean": number(interval.value),
            "low": number(interval.low),
            "high": number(interval.high),
            "deviation": number(float(values[:, column].std())),
            **{key: float(value) for key, value in zip(names, spread, strict=True)},
        }
    return record


def summarise_dimension(found: Dimension) -> dict[str, Any]:
    """Return the estimates as plain values: ``twonn``, ``mle`` (by k, and ``mean`` over k from 10 to 20), ``pca``."""
    return {
        "vectors": found.vectors,
        "ambient": found.ambient,
        "twonn": number(found.twonn),
        "mle": {"mean": number(found.mle_mean), **{str(k): number(value) for k, value in found.mle.items()}},
        "pca": {
            "participation_ratio": number(found.spectrum.participation_ratio),
            **found.spectrum.components,
        },
    }


def measure_space(vectors: npt.NDArray[np.float32], groups: npt.NDArray[np.int64]) -> tuple[dict[str, Any], Dimension]:
    """Estimate the intrinsic dimension of a space, and how TwoNN depends on the number of posters.

    Only one poster of each near-duplicate group is used.

    Args:
        vectors: (N, D) vectors.
        groups: (N,) near-duplicate groups.

    Returns:
        The values of `summarise_dimension` with ``twonn_by_vectors``, and the estimates. ``twonn_by_vectors`` is the
        mean over disjoint parts with all, half, a quarter and an eighth of the vectors; Facco et al. use it to see the
        scale to which the estimate applies.
    """
    rows = np.ascontiguousarray(vectors[np.unique(groups, return_index=True)[1]], dtype=np.float32)
    rows = rows[distinct_rows(rows)]
    found = intrinsic_dimension(rows)
    order = np.random.default_rng(0).permutation(len(rows))
    by_vectors = {str(len(rows)): number(found.twonn)}
    for parts in _PARTS[1:]:
        pieces = [piece for piece in np.array_split(order, parts) if len(piece) >= FEWEST]
        if len(pieces) == parts:
            values = [two_nn(nearest_distances(rows[piece], 2)) for piece in pieces]
            by_vectors[str(len(pieces[0]))] = number(float(np.mean(values)))
    return {**summarise_dimension(found), "twonn_by_vectors": by_vectors}, found


def measure_set(one: ImageSet) -> dict[str, Any]:
    """Measure the entropies and the pixel dimension of a set, at the settings common to all compared sets."""
    flat = one.images.reshape(len(one.images), -1).astype(np.float32)
    record: dict[str, Any] = {
        "name": one.name,
        "images": len(one.images),
        "total": one.total,
        "native": one.native,
        "source": one.source,
        "complexity": summarise_entropies(measure(one.images)),
        "intrinsic_dimension": None,
    }
    if len(distinct_rows(flat)) >= FEWEST:
        record["intrinsic_dimension"] = summarise_dimension(intrinsic_dimension(flat))
    return record
