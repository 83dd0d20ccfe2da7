"""Exact inner-product search by torch on any of its devices, for GPUs that the installed FAISS cannot use."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

_QUERIES = 1024
_TILE_BYTES = 2**28
# Per score: the product, its key, and the working memory of topk and sort.
_BYTES_A_SCORE = 32
_LOW = 2**32 - 1


class TorchFlat:
    """Exact inner-product index that holds all vectors on one torch device.

    Scores are float32 inner products with the precision of ``torch.set_float32_matmul_precision`` (full float32 by
    default). Equal scores are ordered by row.

    Args:
        vectors: (N, E) float32.
        device: Device that holds and searches them.

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
        """Create an index block by block, so that the CPU memory never holds all vectors.

        Args:
            blocks: Arrays (n, E) float32, N rows in total.
            rows: N.
            width: E.
            device: Device of the index.
        """
        created = cls(np.empty((0, width), dtype=np.float32), device)
        created.vectors = torch.empty((rows, width), dtype=torch.float32, device=created.device)
        start = 0
        for block in blocks:
            created.vectors[start : start + len(block)] = torch.from_numpy(block)
            start += len(block)
        return created

    @torch.inference_mode()
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k best rows for each of Q queries.

        Args:
            queries: (Q, E) float32.
            k: Number of rows.

        Returns:
            (Q, k) float32 scores and (Q, k) int64 rows, best first; -inf and -1 if there are fewer rows.
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
        """Return the (Q, depth) largest keys of each query, descending."""
        best = torch.empty((len(queries), 0), dtype=torch.int64, device=self.device)
        tile = max(1, _TILE_BYTES // (_BYTES_A_SCORE * len(queries)))
        for start in range(0, len(self.vectors), tile):
            keys = _keys(queries @ self.vectors[start : start + tile].T, start)
            best = torch.cat((best, keys.topk(min(depth, keys.shape[1]), dim=1).values), dim=1)
            best = best.topk(min(depth, best.shape[1]), dim=1).values
        return best


def _keys(scores: Tensor, first: int) -> Tensor:
    """Return one int64 key per score that orders by score, then by row: larger is better, and all keys differ."""
    bits = (scores + 0.0).view(torch.int32)  # turns -0.0 into 0.0
    # The bits of a float order like integers, except that the order of negative ones is reversed.
    ordered = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).to(torch.int64)
    rows = torch.arange(first, first + scores.shape[1], device=scores.device)
    return (ordered << 32) + (_LOW - rows)


def _rows_of(keys: Tensor) -> Tensor:
    return _LOW - (keys & _LOW)


def _scores_of(keys: Tensor) -> Tensor:
    ordered = (keys >> 32).to(torch.int32)
    return torch.where(ordered < 0, ordered ^ 0x7FFFFFFF, ordered).view(torch.float32)
