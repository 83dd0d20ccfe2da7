"""The rankings of some queries as metrics read them: which ranks are relevant, their gains and precision."""

from collections.abc import Collection
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from keyart.catalogue.relevance import POSITIVE_GAIN
from keyart.metrics.exact_ranking import EXCLUDED, ExactScores, over_rows
from keyart.metrics.gallery import Labels, Tile

_DENSE_ELEMENTS = 2**24


class Ranking:
    """The rankings of T queries, where rows of gain ≥ 0.5 are relevant.

    Args:
        labels: The gallery's labels.
        tile: The queries.
        scores: The gallery's scores, which packed the keys.
        keys: (T, D) keys of the nearest rows, nearest first, the lowest bit set where the gain is ≥ 0.5; as deep as the
            chosen metrics need.
        depths: The depths of the chosen metrics.
    """

    per_genre = False

    def __init__(
        self, labels: Labels, tile: Tile, scores: ExactScores, keys: Tensor, depths: Collection[int | str] = ()
    ) -> None:
        self.labels = labels
        self.tile = tile
        self._scores = scores
        self._keys = keys
        self._depths = depths
        self._sums: dict[int | str, Tensor] = {}
        self._ideals: dict[int, Tensor] = {}

    @classmethod
    def known(cls, labels: Labels) -> bool:
        """Return whether the labels say which rows are relevant."""
        return True

    @property
    def n(self) -> Tensor:
        """Number of gallery rows that each query ranks, (T,) float64."""
        return self.tile.n

    @property
    def relevant(self) -> Tensor:
        """Number R of these rows that are relevant, (T,) float64."""
        return self.tile.relevant

    @property
    def gain_sum(self) -> Tensor:
        """Sum of the gains of these rows, (T,) float64."""
        return self.tile.gain_sum

    def hits(self, k: int) -> Tensor:
        """Return which of the k nearest rows are relevant, (T, ≤ k) bool."""
        return (self._keys[:, :k] & 1).to(torch.bool)

    def positions(self, k: int) -> Tensor:
        """Return the gallery positions of the k nearest rows, (T, ≤ k) int64; −1 where there are fewer."""
        return self._scores.positions(self._keys[:, :k])

    def gains(self, k: int) -> Tensor:
        """Return the gains of the k nearest rows, (T, ≤ k) float64; 0 where there are fewer."""
        at = self.positions(k)
        gains = self.tile.gains[self.tile.rows[:, None], self.labels.set_of[at.clamp(min=0)]]
        return gains.masked_fill_(at < 0, 0.0).to(torch.float64)

    def ideal_dcg(self, k: int) -> Tensor:
        """Return the best possible DCG@k over all rows that each query ranks, (T,) float64."""
        if k not in self._ideals:
            self._ideals[k] = self.tile.ideal_dcg(k)
        return self._ideals[k]

    def precision_sum(self, depth: int | Literal["relevant", "all"]) -> Tensor:
        """Sum the precision at the ranks of rows of gain ≥ 0.5, up to rank ``depth``; (T,) float64."""
        if depth not in self._sums:
            # One pass over the keys serves all metrics that read deep rankings.
            together = [depth, *(one for one in self._depths if isinstance(one, str) and one != depth)]
            limits = [self._last_rank(one) for one in together]
            self._sums |= dict(zip(together, precision_sums(self._keys, limits), strict=True))
        return self._sums[depth]

    def _last_rank(self, depth: int | str) -> Tensor:
        if depth == "relevant":
            return self.tile.relevant
        return torch.full_like(self.tile.relevant, self._keys.shape[1] if depth == "all" else float(depth))

    def _less_hidden(self, total: Tensor, excluded: Tensor) -> Tensor:
        return total.index_add_(0, self.tile.excluded[0], excluded.to(torch.float64), alpha=-1)


class GenreRanking(Ranking):
    """The rankings of T queries for each of G genres: rows that have the genre are relevant to queries that have it."""

    per_genre = True

    @property
    def n(self) -> Tensor:
        """Number of gallery rows that each query ranks, (T, 1) float64."""
        return self.tile.n[:, None]

    @cached_property
    def relevant(self) -> Tensor:
        """Number of these rows that are relevant, (T, G) float64."""
        genres = self.labels.genres
        counts = self.labels.genre_counts.expand(len(self.tile.queries), -1).clone()
        return self._less_hidden(counts, genres[self.tile.excluded[1]]) * genres[self.tile.queries]

    def hits(self, k: int) -> Tensor:
        """Return which of the k nearest rows have each genre, (T, ≤ k, G) bool."""
        at = self.positions(k)
        return self.labels.genres[at.clamp(min=0)].to(torch.bool) & (at >= 0)[:, :, None]


class DecadeRanking(Ranking):
    """The rankings of T queries, where rows of the query's decade are relevant.

    A query of unknown year has no relevant rows; rows of unknown year stay in the ranking and are never relevant.
    """

    @classmethod
    def known(cls, labels: Labels) -> bool:
        """Return whether any year is known."""
        return labels.decades is not None

    @property
    def _decades(self) -> Tensor:
        assert self.labels.decades is not None
        return self.labels.decades

    @cached_property
    def relevant(self) -> Tensor:
        """Number of rows of the query's decade, (T,) float64."""
        own = self._decades[self.tile.queries]
        row, at = self.tile.excluded
        return self._less_hidden(
            self.labels.decade_counts[self.tile.queries], (self._decades[at] == own[row]) & (own[row] >= 0)
        )

    def hits(self, k: int) -> Tensor:
        """Return which of the k nearest rows are of the query's decade, (T, ≤ k) bool."""
        at = self.positions(k)
        return (self._decades[at.clamp(min=0)] == self._decades[self.tile.queries][:, None]) & (at >= 0)


def keys_of(positions: Tensor, tile: Tile, labels: Labels) -> Tensor:
    """Return keys without scores for (T, k) positions of the nearest rows, −1 where there are fewer."""
    gains = tile.gains[tile.rows[:, None], labels.set_of[positions.clamp(min=0)]]
    keys = (positions << 1) + (gains >= POSITIVE_GAIN)
    return keys.masked_fill_(positions < 0, EXCLUDED)


def precision_sums(keys: Tensor, limits: list[Tensor]) -> list[Tensor]:
    """Sum the precision at the ranks of relevant rows, each sum up to its own last rank.

    Args:
        keys: (T, depth) sorted keys whose lowest bit marks relevant rows.
        limits: For each sum (T,) float64, its last rank in each row.

    Returns:
        (T,) float64 each.
    """
    if not limits:
        return []
    last = torch.stack(limits, dim=1)
    if keys.device.type == "cpu":
        return list(_sparse_precision_sums(keys, last).unbind(dim=1))
    step = max(1, _DENSE_ELEMENTS // keys.shape[1])
    parts = [_dense_precision_sums(k, end) for k, end in zip(keys.split(step), last.split(step), strict=True)]
    return list(torch.cat(parts).unbind(dim=1))


def _sparse_precision_sums(keys: Tensor, last: Tensor) -> Tensor:
    """Sum the precision over relevant ranks only, within the CPU cache."""
    sums = np.zeros(last.shape)

    def work(block: np.ndarray, ends: np.ndarray, out: np.ndarray) -> None:
        rows, width = block.shape
        at = np.flatnonzero((block.astype(np.uint8) & 1).view(bool))
        row = at // width
        rank = at - row * width + 1
        before = at.searchsorted(np.arange(rows) * width)
        precision = (np.arange(1, len(at) + 1) - before[row]) / rank
        for column in range(out.shape[1]):
            counted = np.where(rank <= ends[row, column], precision, 0.0)
            out[:, column] = np.bincount(row, counted, minlength=rows)

    over_rows(work, keys.numpy(), last.numpy(), sums)
    return torch.from_numpy(sums)


def _dense_precision_sums(keys: Tensor, last: Tensor) -> Tensor:
    """Sum the precision over all ranks, without waiting for a GPU."""
    mark = keys & 1
    ranks = torch.arange(1, keys.shape[1] + 1, device=keys.device)
    precision = mark.cumsum(dim=1).mul_(mark).to(torch.float64).div_(ranks)
    return torch.stack([(precision * (ranks <= end[:, None])).sum(dim=1) for end in last.unbind(dim=1)], dim=1)
