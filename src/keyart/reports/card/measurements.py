"""What is measured of a set of images, in plain values: entropies with intervals, and dimensions of a space."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.images.complexity import MEASURES, measure
from keyart.metrics.dimension import Dimension, distinct_rows, intrinsic_dimension, nearest_distances, two_nn
from keyart.reports.card.references import ImageSet
from keyart.utils.bootstrap import intervals

FEWEST = 200
"""Images below which a dimension is not told: its estimate would be mostly noise."""

_PARTS = (1, 2, 4, 8)


def number(value: float) -> float | None:
    """A finite number, else None: JSON has no NaN."""
    return float(value) if math.isfinite(value) else None


def tell_entropies(values: npt.NDArray[np.float64]) -> dict[str, dict[str, float | None]]:
    """Mean, 95% bootstrap interval, deviation and quantiles of (N, 3) entropies, by measure, in bits."""
    told = {}
    for column, (name, interval) in enumerate(zip(MEASURES, intervals(values), strict=True)):
        spread = np.quantile(values[:, column], [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        names = ("min", "5%", "25%", "50%", "75%", "95%", "max")
        told[name] = {
            "mean": number(interval.value),
            "low": number(interval.low),
            "high": number(interval.high),
            "deviation": number(float(values[:, column].std())),
            **{key: float(value) for key, value in zip(names, spread, strict=True)},
        }
    return told


def tell_dimension(found: Dimension) -> dict[str, Any]:
    """A dimension in plain values: ``twonn``, ``mle`` (by k, and ``mean`` over k from 10 to 20), ``pca``."""
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
    """Dimensions of a space of posters, one poster a near-duplicate group; and how TwoNN depends on how many they are.

    Args:
        vectors: (N, D).
        groups: (N,) near-duplicate groups.

    Returns:
        As `tell_dimension`, with ``twonn_by_vectors``: the mean over disjoint parts of all, half, a quarter and an
        eighth of the vectors, as Facco et al. do to see the scale that the estimate is about; and the estimates.
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
    return {**tell_dimension(found), "twonn_by_vectors": by_vectors}, found


def measure_set(one: ImageSet) -> dict[str, Any]:
    """A set's entropies and the dimension of its pixels, at the settings that all sets are compared at."""
    flat = one.images.reshape(len(one.images), -1).astype(np.float32)
    told: dict[str, Any] = {
        "name": one.name,
        "images": len(one.images),
        "total": one.total,
        "native": one.native,
        "source": one.source,
        "complexity": tell_entropies(measure(one.images)),
        "intrinsic_dimension": None,
    }
    if len(distinct_rows(flat)) >= FEWEST:
        told["intrinsic_dimension"] = tell_dimension(intrinsic_dimension(flat))
    return told
