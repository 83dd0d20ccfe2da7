"""Retrieval metrics as a torchmetrics `Metric`, updated batch by batch and synchronised across processes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.metrics.dimension import Spread, spread_of
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.registry import DEFAULT_METRICS, result_names
from keyart.metrics.result import RetrievalResult


class RetrievalMetrics(Metric):
    """Exact retrieval metrics over all posters since the last reset.

    A thin layer over :func:`~keyart.metrics.functional.evaluate_retrieval`. `update` stores a batch's embeddings and
    the posters' positions in the catalogue; `compute` looks up everything else by position. A poster that occurs twice
    (a distributed sampler pads the last batch) counts once. The order of posters does not matter, so one process and
    many processes give the same result.

    Args:
        genres: (N, G) multi-hot of the catalogue.
        ids: (N,) unique ids.
        relevance: Function that computes gains between genre sets.
        genre_names: (G,) names.
        years: (N,) float, NaN where unknown.
        groups: (N,) ids of near-duplicate groups.
        metrics: Names of the metrics.
        memory_budget: Bytes for tiles of the ranking.
        **kwargs: Arguments of ``torchmetrics.Metric``.

    Raises:
        InputError: A metric is unknown.

    Examples:
        >>> metric = RetrievalMetrics(
        ...     np.array([[1, 0], [1, 0], [0, 1]]),
        ...     ["a", "b", "c"],
        ...     relevance=Relevance("jaccard"),
        ...     genre_names=["Drama", "Comedy"],
        ...     metrics=["recall@1"],
        ... )
        >>> metric.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 2]))
        >>> metric.update(torch.tensor([[0.8, 0.6]]), torch.tensor([1]))
        >>> metric.compute()
        {'recall@1': tensor(1., dtype=torch.float64)}
        >>> metric.judgement.left_out
        {'recall@1': 1}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    embedding: list[Tensor]
    index: list[Tensor]

    def __init__(
        self,
        genres: np.ndarray,
        ids: Sequence[str] | np.ndarray,
        *,
        relevance: Relevance,
        genre_names: Sequence[str],
        years: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        metrics: Sequence[str] = DEFAULT_METRICS,
        memory_budget: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dist_sync_fn": gather_rows} | kwargs)
        result_names(metrics)
        self.genres = np.asarray(genres)
        self.ids = np.asarray(ids, dtype=object)
        self.relevance = relevance
        self.genre_names = tuple(genre_names)
        self.years = years
        self.groups = groups
        self.metrics = tuple(metrics)
        self.memory_budget = memory_budget
        #: All results of the last :meth:`compute`: also chance levels, counts and per-query values.
        self.judgement: RetrievalResult | None = None
        #: Collapse statistics of the embeddings of the last :meth:`compute`.
        self.spread: Spread | None = None
        self.add_state("embedding", default=[], dist_reduce_fx="cat")
        self.add_state("index", default=[], dist_reduce_fx="cat")

    def update(self, embedding: Tensor, index: Tensor) -> None:
        """Store the embeddings of a batch.

        Args:
            embedding: (B, D) vectors.
            index: (B,) int64 positions in the catalogue.
        """
        if embedding.ndim != 2 or index.shape != embedding.shape[:1]:
            raise ValueError(f"a batch is (B, D) and (B,), not {tuple(embedding.shape)} and {tuple(index.shape)}")
        self.embedding.append(embedding.detach().to(torch.float32))
        self.index.append(index.detach().to(torch.int64))

    def compute(self) -> dict[str, Tensor]:
        """Compute each metric as a float64 scalar; :attr:`judgement` holds the rest.

        Raises:
            InputError: There was no update, or an embedding is not finite.
        """
        seen = dim_zero_cat(self.index) if len(self.index) else torch.empty(0)
        if not len(seen):
            raise InputError("embeddings: no batch was seen; the split holds no posters: enlarge it")
        index, first = np.unique(seen.cpu().numpy(), return_index=True)
        embedding = dim_zero_cat(self.embedding)
        embedding = embedding[torch.from_numpy(first).to(embedding.device)]
        self.judgement = evaluate_retrieval(
            embedding,
            self.genres[index],
            self.ids[index],
            relevance=self.relevance,
            genre_names=self.genre_names,
            years=None if self.years is None else self.years[index],
            groups=None if self.groups is None else self.groups[index],
            metrics=self.metrics,
            memory_budget=self.memory_budget,
        )
        groups = None if self.groups is None else np.asarray(self.groups)[index]
        self.spread = spread_of(embedding.cpu().numpy(), groups)
        return {
            name: torch.tensor(value, dtype=torch.float64, device=embedding.device)
            for name, value in self.judgement.summary.items()
        }

    def reset(self) -> None:
        """Discard all batches and the results of the last `compute`."""
        super().reset()
        self.judgement = self.spread = None


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
    told = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(told, mine, group=group)
    shapes = torch.stack(told).tolist()
    most, width = max(s[0] for s in shapes), max(s[1] for s in shapes)
    dtype = torch.int64 if any(s[2] for s in shapes) else torch.float32
    padded = torch.zeros((most, width) if width else (most,), dtype=dtype, device=rows.device)
    if tall:
        padded[:tall] = rows
    gathered = [torch.empty_like(padded) for _ in shapes]
    dist.all_gather(gathered, padded, group=group)
    return [part[: s[0]] for part, s in zip(gathered, shapes, strict=True)]
