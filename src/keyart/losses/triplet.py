"""The triplet loss over all triplets of a batch, computed without listing them."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_choice
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule

Mining = Literal["all", "semi_hard"]


class TripletLoss(MetricLoss):
    r"""Triplet margin loss (Schroff et al. 2015, arXiv 1503.03832), averaged over the triplets that violate it.

    With Euclidean distances d of unit vectors, over anchors a, their positives p and negatives n, m the margin:

    .. math::

        L = \underset{d_{ap} - d_{an} + m > 0}{\text{mean}} (d_{ap} - d_{an} + m)

    ``mining="all"`` uses all triplets; ``"semi_hard"`` those with d_ap < d_an: the negative is farther than the
    positive, but within the margin. If a miner selects triplets, only these count. On single labels this equals
    TripletMarginLoss of pytorch-metric-learning; for ``semi_hard``, after its TripletMarginMiner.

    For one anchor and positive, the violating negatives are the nearest ones up to a distance. So sorted negatives and
    their cumulative sums give the sum over n directly, in memory that grows with N · M, not with N · M².

    Use it for comparison with older work: ``experiment=triplet_baseline`` trains it.

    Args:
        margin: A distance from 0 to 2; None for 0.2.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        mining: Which triplets count.

    Raises:
        InputError: The margin is out of range, or ``mining`` unknown.
    """

    name: ClassVar[str] = "triplet"
    margin_spec: ClassVar[Margin] = Margin("distance", 0, 2, 0.2, "Schroff et al. 2015, arXiv 1503.03832")

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None, mining: Mining = "all") -> None:
        super().__init__(margin, margin_schedule)
        check_choice("mining", mining, get_args(Mining))
        self.mining = mining

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        distances = torch.cdist(embeddings, ref_emb, compute_mode="donot_use_mm_for_euclid_dist")
        if relations.triplets is not None:
            anchors, positives, negatives = relations.triplets
            gaps = distances[anchors, positives] - distances[anchors, negatives] + self.margin
            violated = gaps > 0
            return torch.where(violated, gaps, 0).sum() / violated.sum().clamp(min=1)
        reach = distances + self.margin
        # Non-negatives are moved to the end of each row, where they violate no margin.
        ordered = torch.where(relations.negative, distances, torch.inf).sort(dim=1).values
        violating = torch.searchsorted(ordered.detach(), reach.detach())
        finite = torch.where(ordered.isinf(), 0, ordered)
        running = torch.nn.functional.pad(finite.double().cumsum(dim=1), (1, 0))
        count = violating
        summed = running.gather(1, violating)
        if self.mining == "semi_hard":
            nearer = torch.searchsorted(ordered.detach(), distances.detach(), right=True)
            # Without a margin, no negative is between the two; without this minimum, ties would give a negative count.
            nearer = torch.minimum(nearer, violating)
            count = violating - nearer
            summed = summed - running.gather(1, nearer)
        losses = torch.where(relations.positive, count * reach.double() - summed, 0)
        total = torch.where(relations.positive, count, 0).sum()
        return (losses.sum() / total.clamp(min=1)).to(embeddings.dtype)
