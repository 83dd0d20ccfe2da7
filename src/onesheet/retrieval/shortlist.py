"""The head of an exact ranking of many rows, without an exact score for every row.

Where metrics need the first 1,000 of 50,000 ranks, most of the work of :mod:`onesheet.retrieval.exact` goes into rows
that are never looked at. Here float32 products choose, and exact scores decide only where float32 leaves a doubt that
matters:

1. The gallery stands in a fixed random order, so that its first block is a sample; a quantile of a query's scores there
   is a threshold that its nearest rows surely pass, and little more than they.
2. Rows that pass are sorted by their float32 scores. Rows of a *run*, each within twice float32's error of the next,
   may stand in any order; rows of different runs may not.
3. A run is scored exactly where its order counts: if it holds relevant and other rows, or lies among the first ranks.

A query whose list turns out too short, too long or in doubt at its end is left to the full ranking.

float32 sums of D products of unit vectors err by less than 3 √D · 2⁻²⁴: with independent rounding errors of standard
deviation 2⁻²⁵ / √3 at most, that is ten deviations (Higham and Mary, "A New Approach to Probabilistic Rounding Error
Analysis", 2019, argue for the model; the bound without it, D · 2⁻²⁴, is never met). Some products are checked against
it before any is used.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from onesheet.retrieval.exact import GRID_BITS, ExactScores

#: Queries at a time.
TILE = 512
_BLOCK = 8192
# Gallery rows below which the full ranking is as quick.
_LEAST = 4096
# Standard deviations by which a query's threshold lies on the safe side; one in 700 is then ranked in full.
_SAFE = 3.0
# A sort key holds, from the top: the query's row, its score in steps of 2⁻³⁰, position and mark.
_UNIT = 30
_SCORE = 32
_HIDDEN = -2.0
_CACHED = 2**17
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
        self._blocks = [_as_float32(scores.gallery[torch.from_numpy(at)]) for at in _split(self._order)]
        self._error = (3 * math.sqrt(width) + 4) * 2.0**-24 + 2.0**-_UNIT
        self.usable = self._check()

    def _check(self) -> bool:
        """Whether products are as good as float32 can be; a reduced precision may have been asked for."""
        some = self._scores.gallery[:: max(1, len(self._scores.gallery) // 16)][:16]
        exact = (some.to(torch.float64) * 2.0**-GRID_BITS) @ self._blocks[0].to(torch.float64).T
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
            queries: (T,) int64 positions of the queries in the gallery, at most :data:`TILE`.
            marks: (U, N) uint8 of 0 and 1 and (T,) int64, the row of it that holds for each query.
            hidden: (P,) rows of the tile and (P,) positions that they may not see.
            depth: How many ranks.
            ordered: Up to this rank the order is exact; beyond it, that of rows of unlike mark.
        """
        grid = self._scores.gallery[queries]
        vectors = _as_float32(grid)
        count = len(queries)
        column = self._column[hidden[1].numpy()]
        by_column = np.argsort(column, kind="stable")
        row, column = hidden[0].numpy()[by_column], column[by_column]
        threads = max(1, min(torch.get_num_threads(), count))
        bounds = [round(count * i / threads) for i in range(threads + 1)]
        labels, label_of = marks[0].numpy(), marks[1].numpy()
        parts = [_Part(self, grid[a:b], labels, label_of[a:b], depth, ordered) for a, b in pairwise(bounds)]
        with ThreadPoolExecutor(threads) as pool:
            start = 0
            for block in self._blocks:
                tile = _products(vectors, block).numpy()
                end = start + len(block)
                inside = slice(*np.searchsorted(column, [start, end]))
                tile[row[inside], column[inside] - start] = _HIDDEN
                list(pool.map(lambda p, a, b: p.look(tile[a:b], start), parts, bounds[:-1], bounds[1:]))  # noqa: B023
                start = end
            found = list(pool.map(lambda part: part.ranked(), parts))
        return Shortlist(
            torch.from_numpy(np.concatenate([keys for keys, _ in found])), np.concatenate([sure for _, sure in found])
        )


class _Part:
    """Some of a tile's queries, looked after by one thread."""

    def __init__(
        self, whole: Shortlists, grid: Tensor, labels: np.ndarray, label_of: np.ndarray, depth: int, ordered: int
    ) -> None:
        self.scores, self.order, self.error = whole._scores, whole._order, whole._error
        self.gallery, self.grid = whole._scores.gallery.numpy(), grid.numpy()
        self.labels, self.label_of = labels, label_of
        self.depth, self.ordered = depth, ordered
        self.code_bits = whole._scores.position_bits + 1
        self.threshold = np.empty(0, dtype=np.float32)
        self.sure = np.ones(len(grid), dtype=bool)
        self.hits: list[np.ndarray] = []

    def look(self, tile: np.ndarray, start: int) -> None:
        """Keep what passes the threshold of (T, C) scores, those of the gallery's columns from ``start`` on."""
        if start == 0:
            self._sample(tile)
        width = tile.shape[1]
        step = max(1, _CACHED // width)
        for first in range(0, len(tile), step):
            some = tile[first : first + step]
            at = np.flatnonzero(some >= self.threshold[first : first + step, None])
            row = at // width
            position = self.order[at - row * width + start]
            row += first
            key = (some.ravel()[at].astype(np.float64) * -(2.0**_UNIT) + 1.5 * 2.0**_UNIT).astype(np.int64)
            key += row << _SCORE
            key <<= self.code_bits
            key += position << 1
            key += self.labels[self.label_of[row], position]
            self.hits.append(key)

    def _sample(self, tile: np.ndarray) -> None:
        """Thresholds from the first block."""
        size = min(tile.shape[1], 4096 if len(self.order) > 5 * 4096 else 2048)
        tile = tile[:, :size]
        share = self.depth / len(self.order)
        rank = math.ceil(share * size + _SAFE * math.sqrt(size * share * (1 - share))) + 1
        best = -np.partition(-tile, rank, axis=1)[:, rank]
        self.threshold = best
        # So many of one score would make the list as long as the gallery.
        self.sure = (tile >= best[:, None]).sum(axis=1) <= 2 * rank
        self.threshold[~self.sure] = np.inf

    def ranked(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, depth) keys, and (T,) whether they are sure."""
        keys = np.concatenate(self.hits)
        self.hits.clear()
        keys.sort()
        value = keys >> self.code_bits
        start = np.searchsorted(value, np.arange(len(self.grid) + 1) << _SCORE)
        gap = 2 * math.ceil(self.error * 2.0**_UNIT)
        close = np.flatnonzero(np.diff(value) <= gap)
        steady = close - np.arange(len(close))
        last = start[:-1] + self.depth - 1
        enough = self.sure & (last < start[1:])
        last = np.minimum(last, len(keys) - 1)
        if len(close):
            at = np.minimum(np.searchsorted(close, last), len(close) - 1)
            run_end = close[np.searchsorted(steady, steady[at], side="right") - 1] + 1
            last = np.where(close[at] == last, run_end, last)
        if len(keys):
            reach = 1.5 - (value[last] & (2**_SCORE - 1)) * 2.0**-_UNIT
            enough &= reach >= self.threshold + 2 * self.error
        keys &= 2**self.code_bits - 1
        self._settle(keys, value, start, close, steady)
        at = np.minimum(start[:-1, None] + np.arange(self.depth), max(len(keys) - 1, 0))
        return (keys[at] if len(keys) else np.zeros(at.shape, dtype=np.int64)), enough

    def _settle(
        self, codes: np.ndarray, value: np.ndarray, start: np.ndarray, close: np.ndarray, steady: np.ndarray
    ) -> None:
        """Put runs whose order counts into exact order, in place."""
        if not len(close):
            return
        first = np.flatnonzero(np.diff(steady, prepend=-1))
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


def _as_float32(grid: Tensor) -> Tensor:
    return grid.to(torch.float32) * 2.0**-GRID_BITS


def _products(queries: Tensor, block: Tensor) -> Tensor:
    """(T, C) float32 products of (T, D) and (C, D).

    A convolution of 1 × 1 is a matrix product; on CPUs that are not Intel's, oneDNN, which torch takes for it, makes it
    twice as fast as MKL, which torch takes for `mm`. The queries are its pixels.
    """
    count, width = queries.shape
    side = 16
    pixels = queries.new_zeros(-(-count // side) * side, width)
    pixels[:count] = queries
    image = pixels.view(1, -1, side, width).permute(0, 3, 1, 2)
    found = functional.conv2d(image, block[:, :, None, None])
    return found.permute(0, 2, 3, 1).reshape(len(pixels), len(block))[:count]
