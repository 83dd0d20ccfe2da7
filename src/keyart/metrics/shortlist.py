"""The first ranks of an exact ranking of many rows, without an exact score for every row.

If metrics need the first 1,000 of 50,000 ranks, most of the work of :mod:`keyart.metrics.exact_ranking` goes into rows
that are not used. Here float32 products select the rows, and exact scores decide only where the float32 order is
uncertain and the order matters:

1. The gallery is in a fixed random order, so its first block is a random sample. A quantile of a query's scores in this
   block is a threshold that its nearest rows certainly pass, and few others.
2. Rows that pass are sorted by their float32 scores. A *run* is a sequence of rows, each within twice float32's error
   of the next. The order of rows within a run is uncertain; the order of runs is not.
3. A run is scored exactly if its order matters: if it has both relevant and irrelevant rows, or is among the first
   ranks.

A query whose list is too short or too long goes to the full ranking.

float32 sums of D products of unit vectors err by less than 3 √D · 2⁻²⁴. With independent rounding errors of standard
deviation 2⁻²⁵ / √3 at most, this is ten standard deviations. (Higham and Mary, "A New Approach to Probabilistic
Rounding Error Analysis", 2019, justify the model. The bound without it, D · 2⁻²⁴, would leave a third of all orders
uncertain.) Some products are checked against this bound before any is used.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from keyart.metrics.exact_ranking import GRID_BITS, ExactScores

#: Number of queries that a thread processes at a time, and number of parts of a tile per thread.
PART, PARTS = 256, 4
_BLOCK = 2048
# Number of gallery rows below which the full ranking is as fast.
_LEAST = 4096
# Safety margin of a query's threshold, in standard deviations; one in 700 queries then needs the full ranking.
_SAFE = 3.0
# A sort key holds, from the top bits: the query's row, its score in steps of 2⁻³⁰, position and mark.
_UNIT = 30
_SCORE = 32
_HIDDEN = -2.0
# Number of pixels in a row of an image of gallery rows.
_SIDE = 16
_GATHERED = 1024


class Shortlist(NamedTuple):
    """The nearest rows of T queries.

    Attributes:
        keys: (T, depth) int64, nearest first; with the position and mark of :class:`ExactScores`' keys, but without the
            similarity.
        sure: (T,) bool, False where the query needs the full ranking instead of its row of ``keys``.
    """

    keys: Tensor
    sure: np.ndarray


def worthwhile(n: int, depth: int) -> bool:
    """Return whether a shortlist of ``depth`` of n rows costs less than their full ranking."""
    return _LEAST <= n <= 2**21 and depth * 4 <= n


def bytes_per_query(n: int, depth: int) -> int:
    """Return the maximum working memory in bytes per query of a tile."""
    return 2 * n + 5 * _BLOCK + 64 * depth


class Shortlists:
    """Search for the shortlists of a gallery on a CPU.

    Args:
        scores: The gallery's exact scores.
    """

    def __init__(self, scores: ExactScores) -> None:
        n, width = scores.gallery.shape
        self._scores = scores
        self._order = np.random.default_rng(0).permutation(n)
        self._column = np.empty_like(self._order)
        self._column[self._order] = np.arange(n)
        self._blocks = [_block(scores.gallery[torch.from_numpy(at)]) for at in _split(self._order)]
        self._error = (3 * math.sqrt(width) + 4) * 2.0**-24 + 2.0**-_UNIT
        self._threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self._threads, initializer=_alone)
        self.usable = self._check()

    def _check(self) -> bool:
        """Return whether products have full float32 precision; the user may have set a lower precision."""
        some = self._scores.gallery[:: max(1, len(self._scores.gallery) // 16)][:16]
        exact = self._blocks[0].to(torch.float64) @ (some.to(torch.float64) * 2.0**-GRID_BITS).T
        return float((_products(_as_float32(some), self._blocks[0]) - exact).abs().max()) <= self._error / 2

    def nearest(
        self,
        queries: Tensor,
        marks: tuple[Tensor, Tensor],
        hidden: tuple[Tensor, Tensor],
        depth: int,
        ordered: int,
    ) -> Shortlist:
        """Find the first ranks of some queries.

        Args:
            queries: (T,) int64 positions of the queries in the gallery; ideally T is :data:`PART` times the number of
                threads.
            marks: (U, N) uint8 of 0 and 1, and (T,) int64, the row of it that applies to each query.
            hidden: (P,) rows of the tile and (P,) gallery positions excluded for them.
            depth: Number of ranks.
            ordered: Up to this rank the order is exact. Beyond it, only the order of rows with different marks is
                exact.
        """
        labels, label_of = marks[0].numpy(), marks[1].numpy()
        row, column = hidden[0].numpy(), self._column[hidden[1].numpy()]
        parts = -(-len(queries) // PART)
        parts = min(len(queries), -(-parts // self._threads) * self._threads)
        bounds = [len(queries) * i // parts for i in range(parts + 1)]

        def some(first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
            inside = (row >= first) & (row < end)
            return _Part(
                self,
                self._scores.gallery[queries[first:end]],
                (labels, label_of[first:end]),
                (row[inside] - first, column[inside]),
                depth,
                ordered,
            ).ranked()

        keys, sure = zip(*self._pool.map(some, bounds[:-1], bounds[1:]), strict=True)
        return Shortlist(torch.from_numpy(np.concatenate(keys)), np.concatenate(sure))


def _alone() -> None:
    """Prepare a worker thread: the functions that it calls start no threads of their own."""
    torch.get_num_threads()  # torch sets a thread count at first use, which must not come after the next line
    threadpool_limits(1, user_api="openmp")


class _Part:
    """A part of a tile's queries, processed by one thread."""

    def __init__(
        self,
        whole: Shortlists,
        grid: Tensor,
        labels: tuple[np.ndarray, np.ndarray],
        hidden: tuple[np.ndarray, np.ndarray],
        depth: int,
        ordered: int,
    ) -> None:
        self.scores, self.blocks = whole._scores, whole._blocks
        self.order, self.error = whole._order, whole._error
        self.gallery, self.grid = whole._scores.gallery.numpy(), grid.numpy()
        self.vectors = _as_float32(grid)
        self.labels, self.label_of = labels
        by_column = np.argsort(hidden[1], kind="stable")
        self.hidden = hidden[0][by_column], hidden[1][by_column]
        self.depth, self.ordered = depth, ordered
        self.code_bits = whole._scores.position_bits + 1
        self.threshold = np.empty(0, dtype=np.float32)
        self.sure = np.ones(len(grid), dtype=bool)

    def _hits(self) -> np.ndarray:
        """Return the sort keys of the rows that pass the thresholds."""
        hits = []
        row, column = self.hidden
        for start in range(0, len(self.order), _BLOCK):
            end = min(start + _BLOCK, len(self.order))
            tile = _products(self.vectors, self.blocks[start // _BLOCK]).numpy()[: end - start]
            inside = slice(*np.searchsorted(column, [start, end]))
            tile[column[inside] - start, row[inside]] = _HIDDEN
            if start == 0:
                self._sample(tile)
            hits.append(self._passing(tile, self.order[start:end]))
        return np.concatenate(hits)

    def _passing(self, tile: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return the sort keys of the rows that pass, from (C, T) scores of the rows at (C,) positions."""
        at = _true(tile >= self.threshold)
        column = at // tile.shape[1]
        row = at - column * tile.shape[1]
        position = positions[column]
        score = tile.ravel()[at].astype(np.float64)
        key = (score * -(2.0**_UNIT) + 1.5 * 2.0**_UNIT).astype(np.int64)
        key += row << _SCORE
        key <<= self.code_bits
        key += position << 1
        key += self.labels[self.label_of[row], position]
        return key

    def _sample(self, tile: np.ndarray) -> None:
        """Compute the thresholds from the first block."""
        size = len(tile)
        share = self.depth / len(self.order)
        rank = min(math.ceil(share * size + _SAFE * math.sqrt(size * share * (1 - share))) + 1, size - 1)
        negated = np.negative(tile.T, order="C")
        negated.partition(rank, axis=1)
        self.threshold = -negated[:, rank]
        # With this many equal scores the list would be as long as the gallery.
        self.sure = (tile >= self.threshold).sum(axis=0) <= 2 * rank
        self.threshold[~self.sure] = np.inf

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (T, depth) keys, and (T,) bool, whether they are certain."""
        keys = self._hits()
        keys.sort()
        value = keys >> self.code_bits
        start = np.searchsorted(value, np.arange(len(self.grid) + 1) << _SCORE)
        gap = 2 * math.ceil(self.error * 2.0**_UNIT)
        close = np.flatnonzero(np.diff(value) <= gap)
        last = start[:-1] + self.depth - 1
        enough = self.sure & (last < start[1:])
        last = np.minimum(last, len(keys) - 1)
        if len(keys):
            # Rows that did not pass score below the threshold, within float32's error, and so below `depth` rows that
            # did.
            reach = 1.5 - (value[last] & (2**_SCORE - 1)) * 2.0**-_UNIT
            enough &= reach >= self.threshold + 2 * self.error
        keys &= 2**self.code_bits - 1
        self._settle(keys, value, start, close)
        at = np.minimum(start[:-1, None] + np.arange(self.depth), max(len(keys) - 1, 0))
        return (keys[at] if len(keys) else np.zeros(at.shape, dtype=np.int64)), enough

    def _settle(self, codes: np.ndarray, value: np.ndarray, start: np.ndarray, close: np.ndarray) -> None:
        """Put the runs whose order matters into exact order, in place.

        Args:
            codes: (H,) int64 positions and marks, in the order of the sort keys.
            value: (H,) int64 rows and scores of the sort keys.
            start: (T + 1,) the start of each row.
            close: Where the next score is too near for float32 to decide the order.
        """
        if not len(close):
            return
        first = np.flatnonzero(np.diff(close - np.arange(len(close)), prepend=-1))
        begin = close[first]
        size = np.diff(first, append=len(close)) + 1
        row = value[begin] >> _SCORE
        rank = begin - start[row]
        members, offset = _ranges(begin, size)
        marked = np.add.reduceat(codes[members] & 1, offset)
        counts = ((marked > 0) & (marked < size) & (rank < self.depth)) | (rank < self.ordered)
        if not counts.any():
            return
        begin, size, row = begin[counts], size[counts], row[counts]
        members, offset = _ranges(begin, size)
        code = codes[members]
        exact = self._exact(np.repeat(row, size), code >> 1)
        run = np.repeat(np.arange(len(size)), size)
        codes[members] = code[_order_in_runs(run, offset, exact, code)]

    def _exact(self, row: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Return (L,) int64 distances in units of 2⁻⁵⁰, rounded as in the keys of :class:`ExactScores`."""
        out = np.empty(len(row), dtype=np.float64)
        for first in range(0, len(row), _GATHERED):
            some = slice(first, first + _GATHERED)
            products = np.multiply(self.grid[row[some]], self.gallery[position[some]], dtype=np.float64)
            products.sum(axis=1, out=out[some])
        return self.scores.coarse(torch.from_numpy(out)).numpy()


def _true(mask: np.ndarray) -> np.ndarray:
    """Return `np.flatnonzero` of a mask that is mostly false; it skips eight values at a time."""
    flat = mask.ravel()
    if len(flat) % 8:
        return np.flatnonzero(flat)
    eights = flat.view(np.uint64)
    some = np.flatnonzero(eights != 0)
    at = np.flatnonzero(eights[some].view(bool))
    return (some[at >> 3] << 3) + (at & 7)


def _order_in_runs(run: np.ndarray, offset: np.ndarray, exact: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the order by run, then exact distance, then code."""
    low = np.minimum.reduceat(exact, offset)
    within = exact - low[run]
    if len(offset) < 2**22 and int(within.max()) < 2**41:
        key = (run << 41) + within
        order = np.argsort(key)
        key = key[order]
        if (key[1:] != key[:-1]).all():
            return order
    return np.lexsort((code, exact, run))


def _ranges(begin: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the concatenated ranges begin[i] … begin[i] + size[i] − 1, and the start of each range in them."""
    end = size.cumsum()
    offset = end - size
    return np.repeat(begin - offset, size) + np.arange(end[-1]), offset


def _split(order: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(order), _BLOCK):
        yield order[start : start + _BLOCK]


def _block(grid: Tensor) -> Tensor:
    """Return rows as float32, padded with zeros to complete rows of an image."""
    filled = torch.zeros(-(-len(grid) // _SIDE) * _SIDE, grid.shape[1])
    filled[: len(grid)] = _as_float32(grid)
    return filled


def _as_float32(grid: Tensor) -> Tensor:
    return grid.to(torch.float32) * 2.0**-GRID_BITS


def _products(queries: Tensor, block: Tensor) -> Tensor:
    """Compute (C, T) float32 products of (T, D) queries and a (C, D) block of the gallery.

    A 1 × 1 convolution is a matrix product whose pixels are the gallery's rows. torch uses oneDNN for the convolution
    and MKL for `mm`; on some CPUs oneDNN is twice as fast.
    """
    if not torch.backends.mkldnn.is_available():
        return block @ queries.T
    image = block.view(1, -1, _SIDE, block.shape[1]).permute(0, 3, 1, 2)
    found = torch.mkldnn_convolution(image, queries[:, :, None, None], None, (0, 0), (1, 1), (1, 1), 1)
    return found.permute(0, 2, 3, 1).reshape(len(block), len(queries))
