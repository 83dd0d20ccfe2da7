"""Intrinsic dimension of embeddings, and checks for a collapsed embedding.

The neighbour estimators use ratios of distances to the nearest neighbours. These ratios depend only on the dimension if
the density hardly changes within the neighbourhood. N vectors are not enough to measure dimensions far above
2 · log10(N) without error (Eckmann and Ruelle 1992): in high dimensions the estimates are too low, and the fewer
vectors there are, the lower they get. Compare sets of equal N. Remove duplicates first: two equal vectors carry no
information about the dimension.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float64]

NEIGHBOURS = (3, 5, 10, 20)
"""The values of k for single maximum-likelihood estimates."""

RANGE = range(10, 21)
"""The values of k over which Levina and Bickel average."""

SHARES = (0.9, 0.95, 0.99)
DISCARDED = 0.1
POINT, LINE = 0.98, 1.5
"""Thresholds of collapse: the mean cosine above which, and the participation ratio below which, it is reported."""

_BLOCK = 1024


@dataclass(frozen=True)
class Spectrum:
    """The principal component spectrum of a set of vectors.

    Attributes:
        participation_ratio: (Σλ)² / Σλ² of the covariance's eigenvalues λ: equals the number of components if all have
            the same variance. NaN where there is no variance.
        components: Number of components that hold at least 90, 95 and 99% of the variance, with keys ``"90"``,
            ``"95"``, ``"99"``.
        shares: (R,) cumulative shares of the variance, the largest component first.
    """

    participation_ratio: float
    components: dict[str, int]
    shares: Floats


@dataclass(frozen=True)
class Dimension:
    """Estimates of the intrinsic dimension of a set of vectors; NaN where an estimate is not defined.

    Attributes:
        vectors: Number of distinct vectors.
        ambient: Number of columns of a vector.
        twonn: Result of `two_nn`.
        mle: Result of `mle` for each k of `NEIGHBOURS` for which there are enough vectors.
        mle_mean: The mean of `mle` over k from 10 to 20.
        spectrum: Result of `principal_components`.
    """

    vectors: int
    ambient: int
    twonn: float
    mle: dict[int, float]
    mle_mean: float
    spectrum: Spectrum


def intrinsic_dimension(vectors: npt.ArrayLike, ks: Sequence[int] = NEIGHBOURS) -> Dimension:
    """Compute all dimension estimates of a set of vectors; equal vectors count once.

    Args:
        vectors: (N, D) finite values.
        ks: The values of k for single maximum-likelihood estimates.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    rows = rows[distinct_rows(rows)]
    distances = nearest_distances(rows, max(*ks, RANGE[-1]))
    seen = distances.shape[1]
    inside = [k for k in RANGE if k <= seen]
    return Dimension(
        len(rows),
        rows.shape[1],
        two_nn(distances),
        {k: mle(distances, k) for k in ks if k <= seen},
        float(np.mean([mle(distances, k) for k in inside])) if inside else math.nan,
        principal_components(rows),
    )


@dataclass(frozen=True)
class CollapseStats:
    """Statistics that show whether an embedding has collapsed; NaN where a statistic is not defined.

    Attributes:
        twonn: Result of `two_nn`.
        participation_ratio: As in `Spectrum`.
        mean_cosine: Mean cosine over pairs of different vectors.
    """

    twonn: float
    participation_ratio: float
    mean_cosine: float

    def collapse(self) -> str:
        """Describe in a few words how the embedding has collapsed; an empty string if it has not.

        It can collapse to a point, where all vectors are nearly equal, or to a line, where one direction holds nearly
        all variance: the extreme case of the dimensional collapse of Jing et al. 2022 (arXiv 2110.09348).
        """
        if self.mean_cosine > POINT:
            return f"to a point (the mean cosine of two posters is {self.mean_cosine:.3f})"
        if self.participation_ratio < LINE:
            ratio = f"{self.participation_ratio:.2f}"
            return f"to a line (one direction holds nearly all variance: participation ratio {ratio})"
        return ""


def collapse_stats(
    vectors: npt.NDArray[np.float32], groups: npt.NDArray[np.int64] | None = None, *, most: int = 2000
) -> CollapseStats:
    """Compute collapse statistics of embeddings from a sample, in 0.1 s or less.

    Args:
        vectors: (N, E) of any length; they are normalised first.
        groups: (N,) near-duplicate groups; one vector of each group is used.
        most: Maximum number of vectors to use; they are evenly spaced.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    if groups is not None:
        rows = rows[np.sort(np.unique(groups, return_index=True)[1])]
    rows = rows[:: -(-len(rows) // most)] if len(rows) > most else rows
    if len(rows) < 3:
        return CollapseStats(math.nan, math.nan, math.nan)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    total = rows.sum(0, dtype=np.float64)
    squares = float((rows.astype(np.float64) ** 2).sum())
    cosine = (float(total @ total) - squares) / (len(rows) * (len(rows) - 1))
    distinct = rows[distinct_rows(rows)]
    return CollapseStats(
        two_nn(nearest_distances(distinct, 2)), principal_components(distinct).participation_ratio, float(cosine)
    )


def distinct_rows(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the position of the first of each set of equal rows, in ascending order.

    Examples:
        >>> distinct_rows(np.array([[1, 2], [3, 4], [1, 2]], dtype=np.float32)).tolist()
        [0, 1]
    """
    first: dict[bytes, int] = {}
    for position, row in enumerate(np.ascontiguousarray(vectors) + np.float32(0)):  # −0 becomes 0
        first.setdefault(row.tobytes(), position)
    return np.array(list(first.values()), dtype=np.int64)


def nearest_distances(vectors: npt.NDArray[np.float32], k: int) -> Floats:
    """Return the Euclidean distances from each vector to its k nearest other vectors.

    Products find the candidates. These lose small distances, so the distances are computed again from differences.

    Args:
        vectors: (N, D).
        k: Number of neighbours; all N − 1 if there are fewer.

    Returns:
        (N, min(k, N − 1)) float64, nearest first.
    """
    count = len(vectors)
    k = min(k, max(count - 1, 0))
    if not k:
        return np.empty((count, 0))
    rows = np.ascontiguousarray(vectors - vectors.mean(0, dtype=np.float64).astype(np.float32))
    half_squares = np.einsum("nd,nd->n", rows, rows, dtype=np.float64).astype(np.float32) / 2
    # With equal distances a vector may not find itself first, so one more is requested and the farthest is dropped.
    depth = min(k + 2, count)
    distances = np.empty((count, k))
    for start in range(0, count, _BLOCK):
        block = rows[start : start + _BLOCK]
        nearness = torch.from_numpy(block @ rows.T - half_squares)
        found = nearness.topk(depth, dim=1).indices.numpy()
        measured = np.empty(found.shape)
        for column in range(depth):
            gap = rows[found[:, column]].astype(np.float64) - block
            measured[:, column] = np.sqrt(np.einsum("nd,nd->n", gap, gap))
        measured[found == np.arange(start, start + len(block))[:, None]] = np.inf
        measured.sort(axis=1)
        distances[start : start + _BLOCK] = measured[:, :k]
    return distances


def two_nn(distances: Floats, discarded: float = DISCARDED) -> float:
    """Estimate the intrinsic dimension by TwoNN (Facco, d'Errico, Rodriguez and Laio 2017, arXiv 1803.06992).

    For each vector let μ = r₂ / r₁; then −log(1 − F(μ)) = d · log μ. A line through the origin is fitted by least
    squares to the empirical F(μ₍ᵢ₎) = i / N. The largest tenth of the μ is left out, as in the paper.

    Args:
        distances: (N, ≥ 2) distances to the nearest other vectors, nearest first, none zero.
        discarded: The share of the largest μ that is left out.

    Returns:
        d; NaN if fewer than three vectors have two neighbours at different distances.
    """
    if distances.shape[1] < 2 or len(distances) < 3 or not (distances[:, 0] > 0).all():
        return math.nan
    logs = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    kept = max(int(len(logs) * (1 - discarded)), 2)
    x = logs[:kept]
    y = -np.log1p(-np.arange(1, kept + 1) / len(logs))
    square = float(x @ x)
    return float(x @ y) / square if square > 0 else math.nan


def mle(distances: Floats, k: int) -> float:
    """Estimate the intrinsic dimension by maximum likelihood from k neighbours (Levina and Bickel 2004, NeurIPS 17).

    The estimate of one vector is m_k = [1/(k−1) · Σ_{j<k} log(T_k / T_j)]⁻¹ where T_j is the distance to its j-th
    neighbour. The inverses of the estimates are averaged over the vectors, not the estimates (MacKay and Ghahramani
    2005): this maximises the joint likelihood and removes most of the bias at small k.

    Args:
        distances: (N, ≥ k) distances to the nearest other vectors, nearest first, none zero.
        k: At least 2.

    Returns:
        d; NaN if all distances are equal, or if there are too few.
    """
    if k < 2:
        raise ValueError(f"k={k}: an estimate needs at least 2 neighbours")
    if distances.shape[1] < k or not len(distances) or not (distances[:, 0] > 0).all():
        return math.nan
    logs = np.log(distances[:, :k])
    inverse = float((logs[:, k - 1] - logs[:, : k - 1].mean(1)).mean())
    return 1 / inverse if inverse > 0 else math.nan


def principal_components(vectors: npt.NDArray[np.float32], shares: Sequence[float] = SHARES) -> Spectrum:
    """Compute the eigenvalue spectrum of the vectors' covariance.

    Args:
        vectors: (N, D).
        shares: Shares of the variance for which to count the components.
    """
    none = Spectrum(math.nan, {f"{share * 100:.0f}": 0 for share in shares}, np.zeros(0))
    if not len(vectors):
        return none
    centred = torch.from_numpy(np.asarray(vectors - vectors.mean(0, dtype=np.float64), dtype=np.float32))
    # XᵀX and XXᵀ have the same non-zero eigenvalues. float32 products are precise enough for shares of the variance.
    small = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    values = torch.linalg.eigvalsh(small).double().clamp_min(0).flip(0).numpy()
    total = float(values.sum())
    if total <= 0:
        return none
    cumulative = np.cumsum(values) / total
    return Spectrum(
        total**2 / float((values**2).sum()),
        {f"{share * 100:.0f}": int(np.searchsorted(cumulative, share - 1e-9) + 1) for share in shares},
        cumulative,
    )
