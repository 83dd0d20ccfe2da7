"""Intrinsic dimension: how many numbers it takes to tell the vectors of a set apart.

The neighbour estimators look at ratios of distances to the nearest neighbours, which follow from the dimension alone
where the density hardly changes within the neighbourhood. From N vectors they cannot see dimensions much above
2 · log10(N) without error (Eckmann and Ruelle 1992): in high dimensions they err on the low side, the more so the fewer
vectors there are. Compare sets at equal N. Two equal vectors say nothing about a dimension: leave duplicates out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import numpy.typing as npt
import torch

Floats = npt.NDArray[np.float64]

NEIGHBOURS = (3, 5, 10, 20)
"""The k that single estimates are told for."""

RANGE = range(10, 21)
"""The k that Levina and Bickel average over."""

SHARES = (0.9, 0.95, 0.99)
DISCARDED = 0.1
POINT, LINE = 0.98, 1.5
"""Mean cosine above which, and participation ratio below which, an embedding has collapsed."""

_BLOCK = 1024


@dataclass(frozen=True)
class Spectrum:
    """The principal components of a set of vectors.

    Attributes:
        participation_ratio: (Σλ)² / Σλ² of the covariance's eigenvalues λ: the number of components where all have the
            same variance. NaN where there is no variance.
        components: How many components hold at least 90, 95 and 99% of the variance, by ``"90"``, ``"95"``, ``"99"``.
        shares: (R,) cumulative shares of the variance, the largest component first.
    """

    participation_ratio: float
    components: dict[str, int]
    shares: Floats


@dataclass(frozen=True)
class Dimension:
    """What is known of a set's dimension; NaN where it is not defined.

    Attributes:
        vectors: How many distinct vectors were looked at.
        ambient: How many numbers a vector has.
        twonn: By `two_nn`.
        mle: By `mle`, for each k of `NEIGHBOURS` that there are vectors for.
        mle_mean: The mean of `mle` over k from 10 to 20.
        spectrum: By `principal_components`.
    """

    vectors: int
    ambient: int
    twonn: float
    mle: dict[int, float]
    mle_mean: float
    spectrum: Spectrum


def intrinsic_dimension(vectors: npt.ArrayLike, ks: Sequence[int] = NEIGHBOURS) -> Dimension:
    """All estimates of one set of vectors; equal vectors count once.

    Args:
        vectors: (N, D) finite.
        ks: The k of single maximum-likelihood estimates.
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
class Spread:
    """Whether embeddings still tell posters apart; NaN where it is not defined.

    Attributes:
        twonn: By `two_nn`.
        participation_ratio: As in `Spectrum`.
        mean_cosine: Of pairs of different vectors.
    """

    twonn: float
    participation_ratio: float
    mean_cosine: float

    def collapse(self) -> str:
        """In what way the embedding has collapsed, in a few words; nothing where it has not.

        To a point, where all vectors nearly agree; or to a line, where one direction holds nearly all variance: the
        dimensional collapse of Jing et al. 2022 (arXiv 2110.09348) at its end.
        """
        if self.mean_cosine > POINT:
            return f"to a point (the mean cosine of two posters is {self.mean_cosine:.3f})"
        if self.participation_ratio < LINE:
            ratio = f"{self.participation_ratio:.2f}"
            return f"to a line (one direction holds nearly all variance: participation ratio {ratio})"
        return ""


def spread_of(
    vectors: npt.NDArray[np.float32], groups: npt.NDArray[np.int64] | None = None, *, most: int = 2000
) -> Spread:
    """A cheap look at embeddings, 0.1 s or less: does the embedding use the room that it has?

    Args:
        vectors: (N, E) of any length; brought to length one.
        groups: (N,) near-duplicate groups, of which one vector each is looked at.
        most: At most so many vectors are looked at, evenly chosen.
    """
    rows = np.asarray(vectors, dtype=np.float32)
    if groups is not None:
        rows = rows[np.sort(np.unique(groups, return_index=True)[1])]
    rows = rows[:: -(-len(rows) // most)] if len(rows) > most else rows
    if len(rows) < 3:
        return Spread(math.nan, math.nan, math.nan)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    total = rows.sum(0, dtype=np.float64)
    squares = float((rows.astype(np.float64) ** 2).sum())
    cosine = (float(total @ total) - squares) / (len(rows) * (len(rows) - 1))
    distinct = rows[distinct_rows(rows)]
    return Spread(
        two_nn(nearest_distances(distinct, 2)), principal_components(distinct).participation_ratio, float(cosine)
    )


def distinct_rows(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Positions of the first of each set of equal rows, ascending.

    Examples:
        >>> distinct_rows(np.array([[1, 2], [3, 4], [1, 2]], dtype=np.float32)).tolist()
        [0, 1]
    """
    first: dict[bytes, int] = {}
    for position, row in enumerate(np.ascontiguousarray(vectors) + np.float32(0)):  # −0 becomes 0
        first.setdefault(row.tobytes(), position)
    return np.array(list(first.values()), dtype=np.int64)


def nearest_distances(vectors: npt.NDArray[np.float32], k: int) -> Floats:
    """Euclidean distances from each vector to its k nearest others.

    FAISS proposes them; as its float32 products lose the small distances, these are measured again in float64.

    Args:
        vectors: (N, D).
        k: How many; as many as there are where there are fewer.

    Returns:
        (N, min(k, N − 1)) float64, nearest first.
    """
    count = len(vectors)
    k = min(k, max(count - 1, 0))
    if not k:
        return np.empty((count, 0))
    rows = np.ascontiguousarray(vectors - vectors.mean(0, dtype=np.float64).astype(np.float32))
    index = faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    # Among equal distances a vector may not find itself first: one more is asked for, and the farthest goes.
    depth = min(k + 2, count)
    distances = np.empty((count, k))
    for start in range(0, count, _BLOCK):
        block = rows[start : start + _BLOCK]
        found = index.search(block, depth)[1]
        measured = np.empty(found.shape)
        for column in range(depth):
            gap = rows[found[:, column]].astype(np.float64) - block
            measured[:, column] = np.sqrt(np.einsum("nd,nd->n", gap, gap))
        measured[found == np.arange(start, start + len(block))[:, None]] = np.inf
        measured.sort(axis=1)
        distances[start : start + _BLOCK] = measured[:, :k]
    return distances


def two_nn(distances: Floats, discarded: float = DISCARDED) -> float:
    """TwoNN (Facco, d'Errico, Rodriguez and Laio 2017, arXiv 1803.06992).

    With μ = r₂ / r₁ of each vector, −log(1 − F(μ)) = d · log μ. The line through the origin is fitted by least squares
    to the empirical F(μ₍ᵢ₎) = i / N, without the largest tenth of the μ, as in the paper.

    Args:
        distances: (N, ≥ 2) to the nearest others, nearest first, none zero.
        discarded: The share of the largest μ that is left out.

    Returns:
        d; NaN where fewer than three vectors have two neighbours apart.
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
    """Maximum likelihood from k neighbours (Levina and Bickel 2004, NeurIPS 17).

    A vector's own estimate is m_k = [1/(k−1) · Σ_{j<k} log(T_k / T_j)]⁻¹ with T_j the distance to its j-th neighbour.
    The inverses are averaged over the vectors, not the estimates (MacKay and Ghahramani 2005): that is the likelihood's
    own maximum, and takes most of the bias at small k away.

    Args:
        distances: (N, ≥ k) to the nearest others, nearest first, none zero.
        k: At least 2.

    Returns:
        d; NaN where all distances are equal, or there are too few.
    """
    if k < 2:
        raise ValueError(f"k={k}: an estimate needs at least 2 neighbours")
    if distances.shape[1] < k or not len(distances) or not (distances[:, 0] > 0).all():
        return math.nan
    logs = np.log(distances[:, :k])
    inverse = float((logs[:, k - 1] - logs[:, : k - 1].mean(1)).mean())
    return 1 / inverse if inverse > 0 else math.nan


def principal_components(vectors: npt.NDArray[np.float32], shares: Sequence[float] = SHARES) -> Spectrum:
    """The spectrum of the vectors' covariance.

    Args:
        vectors: (N, D).
        shares: Of the variance.
    """
    none = Spectrum(math.nan, {f"{share * 100:.0f}": 0 for share in shares}, np.zeros(0))
    if not len(vectors):
        return none
    centred = torch.from_numpy(np.asarray(vectors - vectors.mean(0, dtype=np.float64), dtype=np.float32))
    # The non-zero eigenvalues of XᵀX and XXᵀ are the same; products of float32 suffice for shares of the variance.
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
