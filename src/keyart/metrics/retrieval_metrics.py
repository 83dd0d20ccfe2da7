"""Retrieval metrics as a torchmetrics `Metric`, updated batch by batch and synchronised across processes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from keyart.catalogue.relevance import Relevance, RelevanceKind
from keyart.errors import InputError
from keyart.metrics.dimension import CollapseStats, collapse_stats
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.registry import DEFAULT_METRICS, result_names
from keyart.metrics.result import RetrievalResult


class RetrievalMetrics(Metric):
    """Exact retrieval metrics over all items since the last reset, in which each item searches all others.

    A thin layer over :func:`~keyart.metrics.functional.evaluate_retrieval`. `update` stores a batch. An id that occurs
    twice (a distributed sampler pads the last batch) counts once. The order of items does not matter, so one process
    and many processes give the same result.

    Args:
        relevance: Gains between label sets: a kind, whose weights are fitted to the labels at `compute`, or a function.
        label_names: (G,) names for the metrics of single labels; None: numbers.
        metrics: Names of the metrics.
        memory_budget: Bytes for tiles of the ranking.
        **kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        InputError: A metric is unknown.

    Examples:
        >>> metric = RetrievalMetrics(metrics=["map", "recall@1"])
        >>> metric.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1, 0], [0, 1]]), ["a", "c"])
        >>> metric.update(torch.tensor([[0.8, 0.6]]), torch.tensor([[1, 0]]), ["b"])
        >>> metric.compute()
        {'map': tensor(1., dtype=torch.float64), 'recall@1': tensor(1., dtype=torch.float64)}
        >>> metric.result["map"].chance, metric.result["map"].left_out
        (0.75, 1)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    embedding: list[Tensor]
    labels: list[Tensor]
    id: list[Tensor]
    year: list[Tensor]
    group: list[Tensor]

    def __init__(
        self,
        relevance: RelevanceKind | Relevance = "jaccard",
        *,
        label_names: Sequence[str] | None = None,
        metrics: Sequence[str] = DEFAULT_METRICS,
        memory_budget: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dist_sync_fn": gather_rows} | kwargs)
        result_names(metrics)
        self.relevance = relevance
        self.label_names = None if label_names is None else tuple(label_names)
        self.metrics = tuple(metrics)
        self.memory_budget = memory_budget
        #: All results of the last :meth:`compute`: also chance levels, intervals, counts and per-query values.
        self.result: RetrievalResult | None = None
        #: Collapse statistics of the embeddings of the last :meth:`compute`.
        self.collapse_stats: CollapseStats | None = None
        self._count = 0
        for name in ("embedding", "labels", "id", "year", "group"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(
        self,
        embeddings: Tensor,
        labels: Tensor | np.ndarray,
        ids: Sequence[object] | Tensor | np.ndarray | None = None,
        *,
        years: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> None:
        """Store a batch.

        Args:
            embeddings: (B, D) vectors.
            labels: (B,) class numbers, or (B, G) multi-hot.
            ids: (B,) unique ids, compared as text; ties in the ranking are broken by them. None: the items are
                numbered, and none may occur twice.
            years: (B,) float, NaN where unknown.
            groups: (B,) numbers of near-duplicate groups; negative: in no group.

        Raises:
            ValueError: The shapes do not match.
            InputError: An id is too long.
        """
        count, device = len(embeddings), embeddings.device
        if ids is None:
            world = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
            rank = dist.get_rank() if world > 1 else 0
            ids = [(self._count + at) * world + rank for at in range(count)]
        hot = torch.as_tensor(labels)
        columns = {
            "id": encode_ids(ids.tolist() if isinstance(ids, Tensor) else ids),
            "labels": hot.detach().to(torch.int64),
            "year": torch.as_tensor(np.full(count, np.nan) if years is None else years, dtype=torch.float32),
            "group": torch.as_tensor(np.full(count, -1) if groups is None else groups, dtype=torch.int64),
        }
        shapes = {name: tuple(column.shape) for name, column in columns.items()}
        if embeddings.ndim != 2 or hot.ndim not in (1, 2) or any(shape[0] != count for shape in shapes.values()):
            raise ValueError(
                f"a batch is (B, D) embeddings and B labels and ids, not {tuple(embeddings.shape)}, {shapes}"
            )
        self._count += count
        self.embedding.append(embeddings.detach().to(torch.float32))
        for name, column in columns.items():
            getattr(self, name).append(column.to(device))

    def compute(self) -> dict[str, Tensor]:
        """Compute each metric as a float64 scalar; :attr:`result` holds the rest.

        Raises:
            InputError: There was no update, or an embedding is not finite.
        """
        embedding = dim_zero_cat(self.embedding) if len(self.embedding) else torch.empty(0)
        if not len(embedding):
            raise InputError("embeddings: no batch was seen; the split holds no posters: enlarge it")
        ids, first = np.unique(decode_ids(dim_zero_cat(self.id)), return_index=True)
        embedding = embedding[torch.from_numpy(first).to(embedding.device)]
        labels, years, groups = (
            dim_zero_cat(getattr(self, name)).cpu().numpy()[first] for name in ("labels", "year", "group")
        )
        self.result = evaluate_retrieval(
            embedding,
            labels,
            ids,
            relevance=self.relevance,
            genre_names=self.label_names,
            years=years,
            groups=groups,
            metrics=self.metrics,
            memory_budget=self.memory_budget,
        )
        self.collapse_stats = collapse_stats(embedding.cpu().numpy(), groups if (groups >= 0).any() else None)
        return {
            name: torch.tensor(value, dtype=torch.float64, device=embedding.device)
            for name, value in self.result.summary.items()
        }

    def reset(self) -> None:
        """Discard all batches and the results of the last `compute`."""
        super().reset()
        self.result = self.collapse_stats = None
        self._count = 0


_ID_BYTES = 256


def encode_ids(ids: Sequence[object] | np.ndarray) -> Tensor:
    """Encode ids as (B, 32) int64, so that processes can exchange them.

    Raises:
        InputError: An id has more than 256 bytes.
    """
    text = [str(one).encode() for one in ids]
    if long := next((one for one in text if len(one) > _ID_BYTES), None):
        raise InputError(f"ids: {long[:40].decode(errors='ignore')}… has more than {_ID_BYTES} bytes; shorten it")
    return torch.from_numpy(np.array(text, dtype=f"S{_ID_BYTES}").view(np.int64).reshape(len(text), -1).copy())


def decode_ids(rows: Tensor) -> np.ndarray:
    """Return (B,) ids as text from `encode_ids`."""
    encoded = np.ascontiguousarray(rows.cpu().numpy()).view(f"S{_ID_BYTES}").ravel()
    return np.array([one.decode() for one in encoded], dtype=object)


def gather_rows(rows: Tensor, group: Any = None) -> list[Tensor]:
    """Gather the rows of each process; their numbers may differ.

    torchmetrics' own gathering aborts if one process has no rows, because an empty state is always a float32 vector,
    whatever the other processes hold. Here all processes first exchange their shapes, and whether they hold integers.

    Args:
        rows: (B,) int64 or (B, D) float32; empty, of any shape, if the process has no rows.
        group: The process group; None: all processes.

    Returns:
        One tensor per process, all of one dtype and width.
    """
    tall, wide, whole = (
        len(rows),
        rows.shape[1] if rows.ndim == 2 else 0,
        rows.numel() > 0 and rows.dtype == torch.int64,
    )
    mine = torch.tensor([tall, wide, int(whole)], device=rows.device)
    parts = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, mine, group=group)
    shapes = torch.stack(parts).tolist()
    most, width = max(s[0] for s in shapes), max(s[1] for s in shapes)
    dtype = torch.int64 if any(s[2] for s in shapes) else torch.float32
    padded = torch.zeros((most, width) if width else (most,), dtype=dtype, device=rows.device)
    if tall:
        padded[:tall] = rows
    gathered = [torch.empty_like(padded) for _ in shapes]
    dist.all_gather(gathered, padded, group=group)
    return [part[: s[0]] for part, s in zip(gathered, shapes, strict=True)]
