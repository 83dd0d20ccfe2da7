"""The head of an exact ranking of many rows, without an exact score for every row.

Where metrics need the first 1,000 of 50,000 ranks, most of the work of
:mod:`keyart.metrics.exact_ranking` goes into rows
that are never looked at. Here float32 products choose, and exact scores decide only where float32 leaves a doubt that
matters:

1. The gallery stands in a fixed random order, so that its first block is a sample; a quantile of a query's scores there
   is a threshold that its nearest rows surely pass, and little more than they.
2. Rows that pass are sorted by their float32 scores. Rows of a *run*, each within twice float32's error of the next,
   may stand in any order; rows of different runs may not.
3. A run is scored exactly where its order counts: if it holds relevant and other rows, or lies among the first ranks.

A query whose list turns out too short or too long is left to the full ranking.

float32 sums of D products of unit vectors err by less than 3 √D · 2⁻²⁴: with independent rounding errors of standard
deviation 2⁻²⁵ / √3 at most, that is ten deviations. (Higham and Mary, "A New Approach to Probabilistic Rounding Error
Analysis", 2019, argue for the model; the bound that needs none, D · 2⁻²⁴, would leave a third of all orders in doubt.)
Some products are checked against it before any is used.
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

#: Queries that a thread looks after at a time, and parts of a tile for each thread.
PART, PARTS = 256, 4
_BLOCK = 2048
# Gallery rows below which the full ranking is as quick.
_LEAST = 4096
# Standard deviations by which a query's threshold lies on the safe side; one in 700 is then ranked in full.
_SAFE = 3.0
# A sort key holds, from the top: the query's row, its score in steps of 2⁻³⁰, position and mark.
_UNIT = 30
_SCORE = 32
_HIDDEN = -2.0
# Pixels in a row of an image of gallery rows.
_SIDE = 16
_GATHERED = 1024


class Shortlist(NamedTuple):
    """The nearest rows of T queries.

    Attributes:
        keys: (T, depth) int64, nearest first; position and mark are those of :class:`ExactScores`' keys, which hold
            no similarity here.
        sure: (T,) bool, False where the query's row of ``keys`` is to be had from the full ranking.
    """

    keys: Tensor
    sure: np.ndarray


def worthwhile(n: int, depth: int) -> bool:
    """Whether a shortlist of ``depth`` of n rows costs less than the full ranking of them."""
    return _LEAST <= n <= 2**21 and depth * 4 <= n


def bytes_per_query(n: int, depth: int) -> int:
    """Working memory for each query of a tile, at most."""
    return 2 * n + 5 * _BLOCK + 64 * depth


class Shortlists:
    """Shortlists of a gallery on a CPU.

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
        """Whether products are as good as float32 can be; a reduced precision may have been asked for."""
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
        """The first ranks of some queries.

        Args:
            queries: (T,) int64 positions of the queries in the gallery, best :data:`PART` times a number of threads.
            marks: (U, N) uint8 of 0 and 1 and (T,) int64, the row of it that holds for each query.
            hidden: (P,) rows of the tile and (P,) positions that they may not see.
            depth: How many ranks.
            ordered: Up to this rank the order is exact; beyond it, that of rows of unlike mark.
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
    """A thread that others work beside: what it calls starts no threads of its own."""
    torch.get_num_threads()  # torch sets a thread's number of threads at the first need: it must not come later
    threadpool_limits(1, user_api="openmp")


class _Part:
    """Some of a tile's queries, looked after by one thread."""

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
        """Sort keys of what passes the thresholds."""
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
        """Sort keys of what passes in (C, T) scores of rows at (C,) positions."""
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
        """Thresholds from the first block."""
        size = len(tile)
        share = self.depth / len(self.order)
        rank = min(math.ceil(share * size + _SAFE * math.sqrt(size * share * (1 - share))) + 1, size - 1)
        negated = np.negative(tile.T, order="C")
        negated.partition(rank, axis=1)
        self.threshold = -negated[:, rank]
        # So many of one score would make the list as long as the gallery.
        self.sure = (tile >= self.threshold).sum(axis=0) <= 2 * rank
        self.threshold[~self.sure] = np.inf

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, depth) keys, and (T,) whether they are sure."""
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
            # What did not pass scores below the threshold, give or take float32's error: below `depth` that did.
            reach = 1.5 - (value[last] & (2**_SCORE - 1)) * 2.0**-_UNIT
            enough &= reach >= self.threshold + 2 * self.error
        keys &= 2**self.code_bits - 1
        self._settle(keys, value, start, close)
        at = np.minimum(start[:-1, None] + np.arange(self.depth), max(len(keys) - 1, 0))
        return (keys[at] if len(keys) else np.zeros(at.shape, dtype=np.int64)), enough

    def _settle(self, codes: np.ndarray, value: np.ndarray, start: np.ndarray, close: np.ndarray) -> None:
        """Put runs whose order counts into exact order, in place.

        Args:
            codes: (H,) int64 positions and marks, in the order of the sort keys.
            value: (H,) int64 rows and scores of the sort keys.
            start: (T + 1,) where each row begins.
            close: Where the next one is too near for float32.
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
        """(L,) int64 distances in units of 2⁻⁵⁰, as coarse as :class:`ExactScores`' keys: the smaller the nearer."""
        out = np.empty(len(row), dtype=np.float64)
        for first in range(0, len(row), _GATHERED):
            some = slice(first, first + _GATHERED)
            products = np.multiply(self.grid[row[some]], self.gallery[position[some]], dtype=np.float64)
            products.sum(axis=1, out=out[some])
        return self.scores.coarse(torch.from_numpy(out)).numpy()


def _true(mask: np.ndarray) -> np.ndarray:
    """`np.flatnonzero` of a mask that is mostly false: eight at a time are passed over."""
    flat = mask.ravel()
    if len(flat) % 8:
        return np.flatnonzero(flat)
    eights = flat.view(np.uint64)
    some = np.flatnonzero(eights != 0)
    at = np.flatnonzero(eights[some].view(bool))
    return (some[at >> 3] << 3) + (at & 7)


def _order_in_runs(run: np.ndarray, offset: np.ndarray, exact: np.ndarray, code: np.ndarray) -> np.ndarray:
    """The order by run, then exact distance, then code."""
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
    """begin[0] … begin[0] + size[0] − 1, begin[1] …, and where each range begins among them."""
    end = size.cumsum()
    offset = end - size
    return np.repeat(begin - offset, size) + np.arange(end[-1]), offset


def _split(order: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(order), _BLOCK):
        yield order[start : start + _BLOCK]


def _block(grid: Tensor) -> Tensor:
    """Rows as float32, filled up with zeros to whole rows of an image."""
    filled = torch.zeros(-(-len(grid) // _SIDE) * _SIDE, grid.shape[1])
    filled[: len(grid)] = _as_float32(grid)
    return filled


def _as_float32(grid: Tensor) -> Tensor:
    return grid.to(torch.float32) * 2.0**-GRID_BITS


def _products(queries: Tensor, block: Tensor) -> Tensor:
    """(C, T) float32 products of (T, D) queries and a (C, D) block of the gallery.

    A convolution of 1 × 1 is a matrix product; oneDNN, which torch has for it, is twice as fast on some CPUs as MKL,
    which torch has for `mm`. The gallery's rows are its pixels.
    """
    if not torch.backends.mkldnn.is_available():
        return block @ queries.T
    image = block.view(1, -1, _SIDE, block.shape[1]).permute(0, 3, 1, 2)
    found = torch.mkldnn_convolution(image, queries[:, :, None, None], None, (0, 0), (1, 1), (1, 1), 1)
    return found.permute(0, 2, 3, 1).reshape(len(block), len(queries))
