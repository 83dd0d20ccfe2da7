"""Exact nearest neighbours: FAISS finds candidates, exact scores verify them, and the position breaks ties."""

import logging
from typing import Any, NamedTuple

import faiss
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
from keyart.metrics.exact_search.faiss_gpu import GPU_MAX_K, copy_to_gpu, has_gpu
from keyart.metrics.exclusion import Exclusion

_log = logging.getLogger(__name__)
DEFAULT_BUDGET = 128 * 2**20

# Number of candidates beyond k that FAISS finds, so that the k-th neighbour is seldom uncertain.
_SLACK = 8
_MOST_HIDDEN = 64


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

    A flat FAISS index finds slightly more than k candidates from float32 products. These are scored again without
    rounding error (:mod:`keyart.metrics.exact_ranking`). If float32's error bound cannot rule out that another row
    belongs to the k nearest (for example with many equal vectors), all rows are scored. The index is on the GPU if the
    installed FAISS can use it and k is small enough; on a GPU that FAISS cannot use, torch does the whole search.

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
    hidden = int(exclude.counts.max(initial=0)) if exclude is not None else 0
    depth = min(n, k + min(hidden, _MOST_HIDDEN) + _SLACK)
    keys = torch.full((len(queries), k), EXCLUDED, dtype=torch.int64, device=device)
    proven = np.zeros(len(queries), dtype=bool)
    on_gpu = device.type == "cuda" and has_gpu() and depth <= GPU_MAX_K
    index = _flat_index(gallery, on_gpu) if n and (device.type == "cpu" or on_gpu) else None
    if index is not None:
        step = max(1, min(4096, memory_budget // (depth * (width * 16 + 64))))
        for start in range(0, len(queries), step):
            at = np.arange(start, min(start + step, len(queries)))
            found, sure = _propose(index, scores, queries[start : start + step], at, depth, k, exclude)
            keys[start : start + step, : found.shape[1]] = found
            proven[at] = sure.cpu().numpy()
    rest = np.flatnonzero(~proven)
    step = max(1, memory_budget // (max(n, 1) * (10 if device.type == "cpu" else 40)))
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
    index: Any, scores: ExactScores, queries: Tensor, at: np.ndarray, depth: int, k: int, exclude: Exclusion | None
) -> tuple[Tensor, Tensor]:
    """Return (T, ≤ k) keys of the best FAISS candidates, and (T,) bool, whether they are certainly the best of all."""
    n, width, device = len(scores.gallery), queries.shape[1], queries.device
    approximate, candidates = index.search(_as_float32(queries), depth)
    where = torch.from_numpy(candidates).to(device)
    near = scores.gallery[where.clamp(min=0)].to(torch.float64)
    keys = scores.pack(torch.bmm(near, queries.to(torch.float64)[:, :, None])[:, :, 0], where)
    keys.masked_fill_(where < 0, EXCLUDED)
    if exclude is not None:
        labels = torch.from_numpy(exclude.gallery_labels).to(device)[where.clamp(min=0)]
        keys.masked_fill_(labels == torch.from_numpy(exclude.query_labels[at]).to(device)[:, None], EXCLUDED)
    keys = keys.sort(dim=1).values[:, :k]
    if depth == n:
        return keys, torch.ones(len(keys), dtype=torch.bool, device=device)
    # No other row can score above this: float32 sums of D products err by at most about D · 2⁻²⁴.
    bound = torch.from_numpy(approximate[:, -1].astype(np.float64)).to(device) + (width + 8) * 2.0**-24
    limit = scores.pack((bound * 2.0**SCORE_BITS).ceil(), torch.zeros_like(where[:, 0]))
    return keys, keys[:, -1] < limit


def _as_float32(grid: Tensor) -> np.ndarray:
    return np.ascontiguousarray((grid.to(torch.float32) * 2.0**-GRID_BITS).cpu().numpy())


def _flat_index(gallery: Tensor, on_gpu: bool) -> Any:
    """Build an exact index of the gallery; None if the GPU has no room for it, so that all scores are needed."""
    index: Any = faiss.IndexFlatIP(gallery.shape[1])
    try:
        if on_gpu:
            index = copy_to_gpu(index, gallery.device.index or 0)[0]
        for rows in gallery.split(65536):
            index.add(_as_float32(rows))
    except (RuntimeError, MemoryError) as error:
        if not on_gpu:
            raise
        cause = str(error).strip().partition("\n")[0] or type(error).__name__
        _log.warning("the GPU cannot hold an index of %d vectors (%s): scoring all pairs", len(gallery), cause)
        return None
    return index
