"""Recall of pairs: whether other artwork of a film finds the film's own poster."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from keyart.metrics.exact_ranking import ExactScores, scoring_device, to_grid
from keyart.metrics.neighbours import DEFAULT_BUDGET


def rank_queries(
    queries: Tensor,
    gallery: Tensor,
    targets: np.ndarray,
    *,
    ids: np.ndarray | None = None,
    device: torch.device | str | None = None,
    memory_budget: int = DEFAULT_BUDGET,
) -> np.ndarray:
    """Compute the exact rank of one target gallery row per query by cosine similarity; no row is excluded.

    The rank is 1 plus the number of rows that are more similar, or equally similar with a smaller id. No sort is
    needed.

    Args:
        queries: (Q, D) vectors.
        gallery: (N, D) vectors.
        targets: (Q,) gallery position of each query's target.
        ids: (N,) unique ids that break ties in ascending order; None: the position breaks ties.
        device: Device for the computation; None: that of ``gallery``.
        memory_budget: Bytes of working memory, in addition to copies of the vectors.

    Returns:
        (Q,) int64 ranks from 1.

    Raises:
        InputError: A vector holds NaN or infinity.

    Examples:
        >>> rank_queries(torch.eye(2), torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 2]))
        array([2, 1])
    """
    where = scoring_device(gallery.device if device is None else device)
    targets = np.asarray(targets, dtype=np.int64)
    if len(targets) != len(queries) or (len(targets) and not (targets.min() >= 0 and targets.max() < len(gallery))):
        raise ValueError(f"targets must be {len(queries)} positions in a gallery of {len(gallery)}")
    order = np.arange(len(gallery)) if ids is None else np.argsort(np.asarray(ids).astype(str), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    scores = ExactScores(to_grid(gallery, torch.from_numpy(order), where))
    grid = to_grid(queries, device=where)
    target = torch.from_numpy(place[targets]).to(where)
    step = max(1, memory_budget // (max(len(gallery), 1) * 10))
    ranks = torch.empty(len(queries), dtype=torch.int64, device=where)
    for start in range(0, len(queries), step):
        keys = scores.keys(grid[start : start + step])
        own = keys.gather(1, target[start : start + step, None])
        ranks[start : start + step] = (keys <= own).sum(dim=1)
    return np.asarray(ranks.cpu().numpy())


def pairs_recall(
    other_embeddings: Tensor,
    catalogue_embeddings: Tensor,
    target_positions: np.ndarray,
    ks: Sequence[int] = (1, 10),
    *,
    ids: np.ndarray | None = None,
    device: torch.device | str | None = None,
) -> dict[str, float | int | None]:
    """Compute recall@k of pairs: each other artwork searches the catalogue for its poster; no row is excluded.

    Args:
        other_embeddings: (Q, D) of the other artwork.
        catalogue_embeddings: (N, D) of the catalogue.
        target_positions: (Q,) catalogue position of each pair's poster.
        ks: Cutoffs k.
        ids: (N,) the catalogue's ids, which break ties in ascending order; None: the position breaks ties.
        device: Device for the computation; None: that of the catalogue's embeddings.

    Returns:
        ``pairs/recall@<k>``: the share of queries whose poster is among the k nearest; ``…/chance``: k / N, the
        expectation under a random ranking; ``pairs/queries`` and ``pairs/gallery``. Shares are None if there are no
        pairs.
    """
    n = len(catalogue_embeddings)
    ranks = rank_queries(other_embeddings, catalogue_embeddings, target_positions, ids=ids, device=device)
    result: dict[str, float | int | None] = {}
    for k in ks:
        result[f"pairs/recall@{k}"] = float(np.mean(ranks <= k)) if len(ranks) else None
        result[f"pairs/recall@{k}/chance"] = min(k, n) / n if n else None
    return result | {"pairs/queries": len(ranks), "pairs/gallery": n}
