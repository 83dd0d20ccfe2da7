"""Exact inner-product search by torch, on any of its devices: for GPUs that this FAISS cannot use."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

_QUERIES = 1024
_TILE_BYTES = 2**28
# Of one score: the product, its key, and what topk and sorting take beside it.
_BYTES_A_SCORE = 32
_LOW = 2**32 - 1


class TorchFlat:
    """All vectors of an exact index on one device.

    Scores are float32 inner products, as precise as ``torch.set_float32_matmul_precision`` lets them be (by default
    all of float32). Equal scores go by row.

    Args:
        vectors: (N, E) float32.
        device: Where they lie and are searched.

    Examples:
        >>> flat = TorchFlat(np.eye(3, dtype=np.float32), "cpu")
        >>> scores, rows = flat.search(np.eye(3, dtype=np.float32)[2:], 2)
        >>> scores.tolist(), rows.tolist()
        ([[1.0, 0.0]], [[2, 0]])
    """

    def __init__(self, vectors: np.ndarray, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.vectors = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)).to(self.device)

    @classmethod
    def of_blocks(cls, blocks: Iterable[np.ndarray], rows: int, width: int, device: torch.device | str) -> "TorchFlat":
        """Copy vectors block by block, so that they never lie in CPU memory as a whole.

        Args:
            blocks: (n, E) float32 each, N rows in all.
            rows: N.
            width: E.
            device: Where to.
        """
        made = cls(np.empty((0, width), dtype=np.float32), device)
        made.vectors = torch.empty((rows, width), dtype=torch.float32, device=made.device)
        start = 0
        for block in blocks:
            made.vectors[start : start + len(block)] = torch.from_numpy(block)
            start += len(block)
        return made

    @torch.inference_mode()
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k best rows for each of Q queries.

        Args:
            queries: (Q, E) float32.
            k: How many.

        Returns:
            (Q, k) float32 scores and (Q, k) int64 rows, best first; -inf and -1 where there are fewer rows.
        """
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        depth = min(k, len(self.vectors))
        for start in range(0, len(queries) if depth else 0, _QUERIES):
            part = torch.from_numpy(np.ascontiguousarray(queries[start : start + _QUERIES], dtype=np.float32))
            keys = self._best(part.to(self.device), depth)
            at = slice(start, start + len(keys))
            scores[at, :depth], rows[at, :depth] = _scores_of(keys).cpu().numpy(), _rows_of(keys).cpu().numpy()
        return scores, rows

    def _best(self, queries: Tensor, depth: int) -> Tensor:
        """(Q, depth) the largest keys of each query, descending."""
        best = torch.empty((len(queries), 0), dtype=torch.int64, device=self.device)
        tile = max(1, _TILE_BYTES // (_BYTES_A_SCORE * len(queries)))
        for start in range(0, len(self.vectors), tile):
            keys = _keys(queries @ self.vectors[start : start + tile].T, start)
            best = torch.cat((best, keys.topk(min(depth, keys.shape[1]), dim=1).values), dim=1)
            best = best.topk(min(depth, best.shape[1]), dim=1).values
        return best


def _keys(scores: Tensor, first: int) -> Tensor:
    """One int64 a score that orders by score and then by row: the larger, the better, and no two alike."""
    bits = (scores + 0.0).view(torch.int32)  # turns -0.0 into 0.0
    # Bits of a float order like integers, except that negative ones run the other way.
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).to(torch.int64)
    rows = torch.arange(first, first + scores.shape[1], device=scores.device)
    return (ordered << 32) + (_LOW - rows)


def _rows_of(keys: Tensor) -> Tensor:
    return _LOW - (keys & _LOW)


def _scores_of(keys: Tensor) -> Tensor:
    ordered = (keys >> 32).to(torch.int32)
    return torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).view(torch.float32)
