"""Exact nearest neighbours: float32 products find candidates, exact scores verify them, the position breaks ties."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from keyart.metrics.exact_ranking import (
    EXCLUDED,
    GRID_BITS,
    SCORE_BITS,
    ExactScores,
    scoring_device,
    sort_rows,
    to_grid,
)
from keyart.metrics.exclusion import Exclusion

DEFAULT_BUDGET = 128 * 2**20
DEEP_K = 128
"""From this many neighbours on, a partial sort of exact scores is faster than a search for candidates."""

# Number of candidates beyond k, so that the k-th neighbour is rarely uncertain.
_SLACK = 8
_MOST_HIDDEN = 64
# More queries at a time do not make a CPU's products faster.
_CPU_TILE = 256


class Neighbours(NamedTuple):
    """The k nearest gallery rows of each of Q queries, nearest first.

    Attributes:
        similarity: (Q, k) float64 cosine; −∞ where the gallery has fewer than k rows.
        positions: (Q, k) int64; −1 where the gallery has fewer than k rows.
    """

    similarity: Tensor
    positions: Tensor


def exact_neighbours(
    queries: Tensor,
    gallery: Tensor,
    k: int,
    *,
    exclude: Exclusion | None = None,
    device: torch.device | str | None = None,
    memory_budget: int = DEFAULT_BUDGET,
) -> Neighbours:
    """Find the exact k nearest gallery rows by cosine similarity; the smaller position breaks ties.

    float32 products find slightly more than k candidates. These are scored again without rounding error
    (:mod:`keyart.metrics.exact_ranking`). If float32's error bound cannot rule out that another row belongs to the k
    nearest (for example with many equal vectors), all rows are scored exactly.

    Args:
        queries: (Q, D) vectors of any length.
        gallery: (N, D) vectors of any length.
        k: Number of neighbours.
        exclude: Rows to exclude for each query; None excludes none.
        device: Device for the search; None: that of ``gallery``.
        memory_budget: Bytes of working memory, in addition to copies of the vectors.

    Returns:
        Similarities and positions on that device.

    Raises:
        InputError: A vector holds NaN or infinity.

    Examples:
        >>> exact_neighbours(torch.eye(2)[:1], torch.tensor([[1.0, 1.0], [3.0, 3.0], [5.0, 0.0]]), 3).positions
        tensor([[2, 0, 1]])
    """
    if k < 1:
        raise ValueError(f"k={k}: must be at least 1")
    where = scoring_device(gallery.device if device is None else device)
    gallery_grid = to_grid(gallery, device=where)
    query_grid = gallery_grid if queries is gallery else to_grid(queries, device=where)
    return search_grid(query_grid, gallery_grid, k, exclude=exclude, memory_budget=memory_budget)


def search_grid(
    queries: Tensor, gallery: Tensor, k: int, *, exclude: Exclusion | None, memory_budget: int = DEFAULT_BUDGET
) -> Neighbours:
    """Find the exact k nearest rows as :func:`exact_neighbours` does, for (Q, D) and (N, D) int32 grid vectors."""
    scores, (n, width), device = ExactScores(gallery), gallery.shape, gallery.device
    excluded = int(exclude.counts.max(initial=0)) if exclude is not None else 0
    depth = min(n, k + min(excluded, _MOST_HIDDEN) + _SLACK)
    keys = torch.full((len(queries), k), EXCLUDED, dtype=torch.int64, device=device)
    proven = np.zeros(len(queries), dtype=bool)
    on_cpu = device.type == "cpu"
    # On a GPU, float64 scores of all rows need no proof.
    if on_cpu and 0 < depth <= DEEP_K + _MOST_HIDDEN + _SLACK:
        vectors = _as_float32(gallery)
        step = max(1, min(_CPU_TILE, memory_budget // (depth * (width * 16 + 64) + 4 * n)))
        for start in range(0, len(queries), step):
            at = np.arange(start, min(start + step, len(queries)))
            found, sure = _propose(vectors, scores, queries[start : start + step], at, depth, k, exclude)
            keys[start : start + step, : found.shape[1]] = found
            proven[at] = sure.numpy()
    rest = np.flatnonzero(~proven)
    step = max(1, memory_budget // (max(n, 1) * (10 if on_cpu else 40)))
    for start in range(0, len(rest) if n else 0, step):
        at = rest[start : start + step]
        rows = torch.from_numpy(at).to(device)
        tile = scores.keys(queries[rows])
        _hide(tile, exclude, at)
        keys[rows, : min(k, n)] = sort_rows(tile, min(k, n))
    return Neighbours(scores.similarities(keys), scores.positions(keys))


def _hide(keys: Tensor, exclude: Exclusion | None, at: np.ndarray) -> None:
    if exclude is not None:
        keys.index_put_(exclude.pairs(at, keys.device), keys.new_tensor(EXCLUDED))


def _propose(
    vectors: np.ndarray,
    scores: ExactScores,
    queries: Tensor,
    at: np.ndarray,
    depth: int,
    k: int,
    exclude: Exclusion | None,
) -> tuple[Tensor, Tensor]:
    """Return (T, ≤ k) keys of the best candidates, and (T,) bool, whether they are certainly the best of all."""
    n, width = vectors.shape
    # NumPy's products are float32 whatever precision torch is set to, also under autocast.
    approximate, where = torch.from_numpy(_as_float32(queries) @ vectors.T).topk(depth, dim=1)
    near = scores.gallery[where].to(torch.float64)
    keys = scores.pack(torch.bmm(near, queries.to(torch.float64)[:, :, None])[:, :, 0], where)
    if exclude is not None:
        labels = torch.from_numpy(exclude.gallery_labels)[where]
        keys.masked_fill_(labels == torch.from_numpy(exclude.query_labels[at])[:, None], EXCLUDED)
    keys = keys.sort(dim=1).values[:, :k]
    if depth == n:
        return keys, torch.ones(len(keys), dtype=torch.bool)
    # No other row can score above this: float32 sums of D products err by at most about D · 2⁻²⁴.
    bound = approximate[:, -1].to(torch.float64) + (width + 8) * 2.0**-24
    limit = scores.pack((bound * 2.0**SCORE_BITS).ceil(), torch.zeros_like(where[:, 0]))
    return keys, keys[:, -1] < limit


def _as_float32(grid: Tensor) -> np.ndarray:
    return np.asarray((grid.to(torch.float32) * 2.0**-GRID_BITS).numpy())
