"""Gallery labels for retrieval metrics, and the statistics that need no ranking."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance, distinct_sets
from keyart.metrics.chance import discounts
from keyart.metrics.exclusion import Exclusion


class Labels:
    """Genres and decades of N gallery rows on one device.

    Posters have few distinct genre sets (434 among 5,697 posters of IMDb), so gains are computed between sets.

    Args:
        genres: (N, G) multi-hot.
        decades: (N,) int64, −1 where unknown; None if not needed.
        relevance: Function that computes gains between genre sets.
        device: Device of the tensors.
    """

    def __init__(
        self, genres: np.ndarray, decades: np.ndarray | None, relevance: Relevance, device: torch.device
    ) -> None:
        hot = torch.from_numpy(np.ascontiguousarray(genres, dtype=np.uint8))
        sets, set_of, counts = distinct_sets(hot)
        self.set_of_host: np.ndarray = set_of.numpy()
        self.genres = hot.to(device)
        self.sets = sets.to(device)
        self.set_of = set_of.to(device)
        self.set_counts = counts.to(device, torch.float64)
        self.genre_counts = self.genres.sum(dim=0, dtype=torch.float64)
        self.relevance = relevance.to(device)
        self.decades: Tensor | None = None
        if decades is not None:
            self.decades = torch.from_numpy(decades).to(device)
            _, inverse, sizes = np.unique(decades, return_inverse=True, return_counts=True)
            self.decade_counts = torch.from_numpy(np.where(decades < 0, 0, sizes[inverse])).to(device, torch.float64)


@dataclass(frozen=True)
class Tile:
    """T queries and the statistics of their galleries.

    Attributes:
        queries: (T,) int64 positions of the queries among the gallery rows.
        gains: (U, S) float32, gains between the tile's genre sets and all.
        rows: (T,) int64, each query's row of ``gains``.
        excluded: (P,) rows of the tile and (P,) gallery positions of the rows excluded for them.
        n: (T,) float64, number of gallery rows that each query ranks.
        relevant: (T,) float64, number of these rows that are relevant (gain ≥ 0.5).
        gain_sum: (T,) float64, the sum of their gains.
        ideal_gains: Function of K that returns their K largest gains, (T, K) float64, largest first, padded with 0.
    """

    queries: Tensor
    gains: Tensor
    rows: Tensor
    excluded: tuple[Tensor, Tensor]
    n: Tensor
    relevant: Tensor
    gain_sum: Tensor
    ideal_gains: Callable[[int], Tensor]

    def ideal_dcg(self, k: int) -> Tensor:
        """Return the best possible DCG@k over all gallery rows that each query ranks, (T,) float64."""
        return (self.ideal_gains(k) * discounts(k, self.n.device)).sum(dim=1)


def make_tile(labels: Labels, queries: np.ndarray, at: np.ndarray, exclusion: Exclusion) -> Tile:
    """Compute the statistics of a tile from counts of genre sets.

    Args:
        labels: The gallery's labels.
        queries: (T,) positions among the gallery rows, ordered by genre set.
        at: (T,) positions of the same queries in ``exclusion``.
        exclusion: The excluded rows of each query.
    """
    device = labels.set_of.device
    different, local = np.unique(labels.set_of_host[queries], return_inverse=True)
    gains = labels.relevance(labels.sets[torch.from_numpy(different).to(device)], labels.sets)
    rows = torch.from_numpy(local).to(device)
    excluded_row, excluded_at = exclusion.pairs(at, device)
    hidden_set = labels.set_of[excluded_at]
    hidden_gain = gains[rows[excluded_row], hidden_set].to(torch.float64)

    def less_excluded(total: Tensor, part: Tensor) -> Tensor:
        return total[rows].index_add_(0, excluded_row, part, alpha=-1)

    wide = gains.to(torch.float64)
    gain_sum = less_excluded((wide * labels.set_counts).sum(dim=1), hidden_gain)
    positive = (gains >= POSITIVE_GAIN).to(torch.float64)
    relevant = less_excluded(
        (positive * labels.set_counts).sum(dim=1), (hidden_gain >= POSITIVE_GAIN).to(torch.float64)
    )
    counts = exclusion.counts[at]
    ideal = partial(_ideal_gains, labels, wide, rows, (excluded_row, hidden_set), int(counts.max(initial=0)))
    n = torch.from_numpy(len(labels.set_of_host) - counts).to(device, torch.float64)
    where = torch.from_numpy(np.ascontiguousarray(queries, dtype=np.int64)).to(device)
    return Tile(where, gains, rows, (excluded_row, excluded_at), n, relevant, gain_sum, ideal)


def _ideal_gains(
    labels: Labels, gains: Tensor, rows: Tensor, excluded: tuple[Tensor, Tensor], most_hidden: int, k: int
) -> Tensor:
    """Return the (T, k) largest gains; each set has a member, so the best k + (number excluded) sets contain them."""
    width = min(gains.shape[1], k + most_hidden)
    top_gain, top_set = gains.topk(width, dim=1)
    slot = torch.full(gains.shape, -1, dtype=torch.int64, device=gains.device)
    slot.scatter_(1, top_set, torch.arange(width, device=gains.device).expand(len(gains), -1))
    counts = labels.set_counts[top_set][rows]
    row, column = excluded[0], slot[rows[excluded[0]], excluded[1]]
    counts.index_put_((row, column.clamp(min=0)), -(column >= 0).to(counts.dtype), accumulate=True)
    reach = counts.cumsum(dim=1)
    ranks = torch.arange(1, k + 1, dtype=reach.dtype, device=reach.device).expand(len(reach), -1).contiguous()
    found = torch.searchsorted(reach, ranks)
    ideal = top_gain[rows].gather(1, found.clamp(max=width - 1))
    return ideal.masked_fill_(found >= width, 0.0)
