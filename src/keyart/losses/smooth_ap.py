"""Smooth-AP: average precision itself, with a sigmoid in place of each comparison."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from keyart.losses.argument_checks import number
from keyart.losses.base import MetricLoss, Relations

# Numbers in one table of comparisons: 64 MB of float32.
_TABLE = 2**24


class SmoothAPLoss(MetricLoss):
    """Smooth-AP (Brown et al. 2020, arXiv 2007.12163, equations 5 and 6).

    With cosine similarities s and σ(x) = 1 / (1 + exp(−x/τ)), P and N the positives and negatives of a query a:

        AP_a = 1/|P| Σ_{j ∈ P} (1 + Σ_{k ∈ P, k≠j} σ(s_ak − s_aj)) / (1 + Σ_{k ∈ P ∪ N, k≠j} σ(s_ak − s_aj))
        loss = mean over queries with positives of (1 − AP_a)

    Within a batch the query itself is one of P, as in the authors' code; among references from other batches it is not
    there. On single labels this equals SmoothAPLoss of pytorch-metric-learning where that is right: in batches of n
    classes in their order with n posters each. Here classes may have any sizes and order. The ranking is of all
    positives and negatives, so no miner applies.

    Only positives are compared with the rest, so memory grows with their number times M; beyond 64 MB the comparisons
    are made in parts, and again in the backward pass. Their number depends on the data, so this waits for the device.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.

    Raises:
        InputError: For a margin, or a temperature that is not above 0.
    """

    name: ClassVar[str] = "smooth_ap"
    minable = False

    def __init__(self, margin: float | None = None, temperature: float = 0.01) -> None:
        super().__init__(margin)
        self.temperature = number("temperature", temperature, 0, above=True)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        positive, negative = relations.chosen()
        asked = positive.any(dim=1)
        if references is rows:
            positive = positive | (torch.eye(len(rows), dtype=torch.bool, device=rows.device) & asked[:, None])
        logits = (rows / self.temperature) @ references.T
        relevant = positive.to(logits.dtype)
        ranked = relevant + negative.to(logits.dtype)
        queries, items = torch.where(positive)
        precision = self._precisions(logits, queries, items, relevant, ranked)
        summed = torch.zeros_like(logits[:, 0] if logits.shape[1] else logits.sum(dim=1))
        summed = summed.index_add(0, queries, precision)
        average = summed / relevant.sum(dim=1).clamp(min=1)
        return torch.where(asked, 1 - average, 0).sum() / asked.sum().clamp(min=1)

    def _precisions(self, logits: Tensor, queries: Tensor, items: Tensor, relevant: Tensor, ranked: Tensor) -> Tensor:
        """(P,) smoothed precision at the rank of each relevant item, in parts where they are many."""
        step = max(1, _TABLE // max(1, logits.shape[1]))
        if len(queries) <= step:
            return _precision(logits, queries, items, relevant, ranked)
        parts: list[Tensor] = [
            checkpoint(_precision, logits, some, these, relevant, ranked, use_reentrant=False)
            for some, these in zip(queries.split(step), items.split(step), strict=True)
        ]
        return torch.cat(parts)


def _precision(logits: Tensor, queries: Tensor, items: Tensor, relevant: Tensor, ranked: Tensor) -> Tensor:
    """Rank among the relevant by rank among all, of each item."""
    above = torch.sigmoid(logits[queries] - logits[queries, items][:, None])
    # The item's comparison with itself is the sigmoid of 0: half of the 1 that a rank starts from.
    return (0.5 + (above * relevant[queries]).sum(dim=1)) / (0.5 + (above * ranked[queries]).sum(dim=1))
