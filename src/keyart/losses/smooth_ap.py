"""Smooth-AP: a smooth approximation of average precision, with a sigmoid in place of each comparison."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from keyart.losses.argument_checks import check_number
from keyart.losses.base import MetricLoss, Relations

# Number of elements in one table of comparisons: 64 MB of float32.
_TABLE = 2**24


class SmoothAPLoss(MetricLoss):
    r"""Smooth-AP (Brown et al. 2020, arXiv 2007.12163, equations 5 and 6).

    With cosine similarities s and σ(x) = 1 / (1 + exp(−x/τ)), P and N the positives and negatives of a query a, over
    queries that have positives:

    .. math::

        \text{AP}_a &= \frac{1}{|P|} \sum_{j \in P}
            \frac{1 + \sum_{k \in P, k \ne j} σ(s_{ak} - s_{aj})}
            {1 + \sum_{k \in P \cup N, k \ne j} σ(s_{ak} - s_{aj})} \\
        L &= \underset{a}{\text{mean}} (1 - \text{AP}_a)

    Within a batch the query itself is in P, as in the authors' code; references from other batches do not include it.
    On single labels this equals SmoothAPLoss of pytorch-metric-learning where that implementation is correct: in sorted
    batches of n classes with n posters each. Here classes may have any sizes and order. The ranking covers all
    positives and negatives, so no miner applies.

    Only positives are compared with all others, so memory grows with their number times M. Above 64 MB the comparisons
    are computed in chunks, and recomputed in the backward pass. Their number depends on the data, so this waits for the
    device.

    Use it if average precision is the goal and batches are large: it optimises the ranking itself.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.

    Raises:
        InputError: ``margin`` is not None, or a temperature is not above 0.
    """

    name: ClassVar[str] = "smooth_ap"
    supports_miner = False

    def __init__(self, margin: float | None = None, temperature: float = 0.01) -> None:
        super().__init__(margin)
        self.temperature = check_number("temperature", temperature, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        positive, negative = relations.pair_masks()
        asked = positive.any(dim=1)
        if ref_emb is embeddings:
            positive = positive | (
                torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device) & asked[:, None]
            )
        logits = (embeddings / self.temperature) @ ref_emb.T
        relevant = positive.to(logits.dtype)
        ranked = relevant + negative.to(logits.dtype)
        queries, items = torch.where(positive)
        precision = self._precisions(logits, queries, items, relevant, ranked)
        summed = torch.zeros_like(logits[:, 0] if logits.shape[1] else logits.sum(dim=1))
        summed = summed.index_add(0, queries, precision)
        average = summed / relevant.sum(dim=1).clamp(min=1)
        return torch.where(asked, 1 - average, 0).sum() / asked.sum().clamp(min=1)

    def _precisions(self, logits: Tensor, queries: Tensor, items: Tensor, relevant: Tensor, ranked: Tensor) -> Tensor:
        """Compute the (P,) smoothed precision at the rank of each relevant item, in chunks if there are many."""
        step = max(1, _TABLE // max(1, logits.shape[1]))
        if len(queries) <= step:
            return _precision(logits, queries, items, relevant, ranked)
        parts: list[Tensor] = [
            checkpoint(_precision, logits, some, these, relevant, ranked, use_reentrant=False)
            for some, these in zip(queries.split(step), items.split(step), strict=True)
        ]
        return torch.cat(parts)


def _precision(logits: Tensor, queries: Tensor, items: Tensor, relevant: Tensor, ranked: Tensor) -> Tensor:
    """Divide each item's rank among the relevant items by its rank among all."""
    above = torch.sigmoid(logits[queries] - logits[queries, items][:, None])
    # The comparison of an item with itself is sigmoid(0) = 0.5, half of the 1 at which ranks start.
    return (0.5 + (above * relevant[queries]).sum(dim=1)) / (0.5 + (above * ranked[queries]).sum(dim=1))
