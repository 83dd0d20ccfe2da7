"""Exact ranking by cosine similarity: the same result for every device, tile size and library.

The rounding of a floating-point matrix product depends on the tile size, the device and the library. Equal vectors may
then get unequal scores, and ties cannot be broken by a rule. Here unit vectors are rounded to a grid of 2⁻²⁵ (finer
than the error of float32 products) and multiplied in float64. All partial sums are then whole numbers below 2⁵³ in
units of 2⁻⁵⁰ (by Cauchy–Schwarz on any subset of the terms). So the product has no rounding error in any order of
summation. A score and the position of its row are packed into one 64-bit key: sorting the keys sorts by score, then by
position.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keyart.errors import InputError

GRID_BITS = 25
SCORE_BITS = 2 * GRID_BITS
#: The key of a row that is excluded for a query: sorts after all others, not marked as relevant.
EXCLUDED = 2**63 - 2

# Adding 1.5 · 2⁵² to a whole number below 2⁵¹ stores it as an integer in the low bits of the float64.
_MAGIC = 1.5 * 2.0**52
_MAGIC_BITS = 0x4338 << 48
_CHUNK = 2048
# Number of elements that fit the cache of one CPU core.
_CACHED = 2**16


def scoring_device(device: torch.device | str) -> torch.device:
    """Return the device for scoring: ``device``, or the CPU if ``device`` does not support float64."""
    requested = torch.device(device)
    return requested if requested.type in ("cpu", "cuda") else torch.device("cpu")


def to_grid(embeddings: Tensor, order: Tensor | None = None, device: torch.device | str = "cpu") -> Tensor:
    """Normalise embeddings and round them to integers in steps of 2⁻²⁵.

    Args:
        embeddings: (N, D) real numbers of any scale; a zero vector stays zero (its cosine with all vectors is 0).
        order: (N,) int64, the input row for each row of the result; None keeps the order.
        device: Device of the result.

    Returns:
        (N, D) int32.

    Raises:
        InputError: A value is not finite.
    """
    if embeddings.ndim != 2 or embeddings.is_complex():
        raise ValueError(f"embeddings must be (N, D) real numbers, not {tuple(embeddings.shape)} {embeddings.dtype}")
    n = len(embeddings) if order is None else len(order)
    grid = torch.empty((n, embeddings.shape[1]), dtype=torch.int32, device=device)
    finite = torch.ones((), dtype=torch.bool, device=device)
    for start in range(0, n, _CHUNK):
        end = min(start + _CHUNK, n)
        rows = embeddings[start:end] if order is None else embeddings[order[start:end].to(embeddings.device)]
        x = rows.detach().to(device=device, dtype=torch.float64)
        finite &= x.isfinite().all()
        # Dividing by the largest component first keeps the squares of tiny and huge vectors within range.
        x = x / x.abs().amax(dim=1, keepdim=True).clamp(min=1e-300) if x.shape[1] else x
        x = x / x.norm(dim=1, keepdim=True).clamp(min=1e-300)
        grid[start:end] = (x * 2.0**GRID_BITS).round_().nan_to_num_(0.0, 0.0, 0.0).to(torch.int32)
    if not bool(finite):
        bad = int((~embeddings.isfinite().all(dim=1)).nonzero()[0, 0])
        raise InputError(f"embeddings: row {bad} holds NaN or infinity; the model diverged: lower the learning rate")
    return grid


class ExactScores:
    """Sort keys of all gallery rows for tiles of queries.

    Args:
        gallery: (N, D) int32 grid vectors, in the order that breaks ties.
    """

    def __init__(self, gallery: Tensor) -> None:
        self.gallery = gallery
        self.position_bits = max(len(gallery) - 1, 1).bit_length()
        self._code_bits = self.position_bits + 1
        # A key drops the score bits that do not fit beside position and mark; at 200,000 rows it keeps steps of 2⁻⁴³.
        self._drop = max(0, self._code_bits + SCORE_BITS + 2 - 64)

    def keys(self, queries: Tensor, marks: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Return the key of each gallery row for each query: a smaller key is nearer, ties go to the smaller position.

        Args:
            queries: (T, D) int32 grid vectors.
            marks: (U, N) uint8 of 0 and 1, stored in the lowest bit of the keys, and (T,) int64, the row of it that
                applies to each query; None sets all marks to 0.

        Returns:
            (T, N) int64.
        """
        n, device = len(self.gallery), self.gallery.device
        negated = (-queries).to(torch.float64)
        scores = torch.empty((len(queries), n), dtype=torch.float64, device=device)
        for start in range(0, n, _CHUNK):
            block = slice(start, min(start + _CHUNK, n))
            torch.mm(negated, self.gallery[block].to(torch.float64).T, out=scores[:, block])
        keys = scores.view(torch.int64)
        code = torch.arange(n, device=device) << 1
        if device.type != "cpu":
            self._to_keys(scores, keys, code)
            return keys if marks is None else keys.add_(marks[0][marks[1]])

        def work(part: np.ndarray, rows: np.ndarray) -> None:
            key = part.view(np.int64)
            self._to_keys(part, key, code.numpy())
            if marks is not None:
                key += marks[0].numpy()[rows]

        over_rows(work, scores.numpy(), np.arange(len(queries)) if marks is None else marks[1].numpy())
        return keys

    def _to_keys(self, scores: Any, keys: Any, code: Any) -> None:
        """Turn negated scores into keys in place; the arguments are float64 and int64 views of one tensor or array."""
        scores += _MAGIC
        keys -= _MAGIC_BITS
        keys >>= self._drop
        keys <<= self._code_bits
        keys += code

    def pack(self, scores: Tensor, positions: Tensor) -> Tensor:
        """Pack scores and positions into keys without marks.

        Args:
            scores: Whole float64 numbers, in units of 2⁻⁵⁰.
            positions: int64 of the same shape.

        Returns:
            int64 of the same shape.
        """
        return self.round_distances(scores).bitwise_left_shift_(self._code_bits).add_(positions << 1)

    def round_distances(self, scores: Tensor) -> Tensor:
        """Round whole float64 scores in units of 2⁻⁵⁰ to distances as keys store them: int64, smaller is nearer."""
        return (-scores).to(torch.int64).bitwise_right_shift_(self._drop)

    def positions(self, keys: Tensor) -> Tensor:
        """Return the gallery positions in keys: int64, −1 where the key is :data:`EXCLUDED`."""
        found = (keys >> 1) & (2**self.position_bits - 1)
        return found.masked_fill_(keys == EXCLUDED, -1)

    def similarities(self, keys: Tensor) -> Tensor:
        """Return the cosine similarities in keys: float64, −∞ where the key is :data:`EXCLUDED`."""
        score = (keys >> self._code_bits).to(torch.float64).mul_(-(2.0 ** (self._drop - SCORE_BITS)))
        return score.masked_fill_(keys == EXCLUDED, -torch.inf)


def sort_rows(keys: Tensor, depth: int) -> Tensor:
    """Return the ``depth`` smallest keys of each row, ascending. On the CPU ``keys`` itself is reordered.

    NumPy sorts 64-bit integers with vector instructions, about 15 times as fast as ``torch.sort`` on a CPU.

    Args:
        keys: (T, N) int64.
        depth: At most N.

    Returns:
        (T, depth) int64; on the CPU a view of ``keys``.
    """
    n = keys.shape[1]
    if keys.device.type != "cpu":
        if depth * 4 >= n:
            return keys.sort(dim=1).values[:, :depth]
        return keys.topk(depth, dim=1, largest=False, sorted=True).values

    def work(block: np.ndarray) -> None:
        if depth * 2 < n:
            block.partition(depth, axis=1)
            block[:, :depth].sort(axis=1)
        else:
            block.sort(axis=1)

    if depth:
        over_rows(work, keys.numpy())
    return keys[:, :depth]


def over_rows(work: Callable[..., None], *arrays: np.ndarray) -> None:
    """Call ``work`` on blocks of rows of the arrays, in as many threads as torch may use.

    A block of the first array fits the CPU cache, so several steps on one block cost little more than one step.

    Args:
        work: Function of one block of each array; NumPy releases the interpreter lock meanwhile.
        arrays: Arrays with equal numbers of rows.
    """
    n, width = len(arrays[0]), max(1, arrays[0][:1].size)
    step = max(1, _CACHED // width)

    def some(start: int, end: int) -> None:
        for i in range(start, end, step):
            work(*(a[i : min(i + step, end)] for a in arrays))

    threads = min(torch.get_num_threads(), n)
    if threads <= 1 or n * width < 2**17:
        some(0, n)
        return
    bounds = [round(n * i / (2 * threads)) for i in range(2 * threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(some, *ends) for ends in pairwise(bounds)]:
            done.result()
