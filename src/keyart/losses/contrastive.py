"""The contrastive loss: pulls positive pairs together and pushes negative pairs apart, each pair separately."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import distances, nonzero_mean


class ContrastiveLoss(MetricLoss):
    r"""Contrastive loss (Hadsell et al. 2006, CVPR, "Dimensionality reduction by learning an invariant mapping").

    With Euclidean distances d of unit vectors, m the margin and m₊ the positive margin:

    .. math::

        L = \underset{\text{positive, } d > m_+}{\text{mean}} (d - m_+)
            + \underset{\text{negative, } d < m}{\text{mean}} (m - d)

    Distances count linearly, and only violating pairs count. On single labels this equals ContrastiveLoss of
    pytorch-metric-learning. The paper uses squared distances.

    Use it as the simplest loss on pairs, if distances need an absolute meaning, such as one threshold for all
    queries.

    Args:
        margin: Minimum distance of negative pairs, from 0 to 2; None for 1.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        positive_margin: Maximum distance of positive pairs, from 0 to 2.

    Raises:
        InputError: A margin is out of range.
    """

    name: ClassVar[str] = "contrastive"
    margin_spec: ClassVar[Margin] = Margin("distance", 0, 2, 1, "Hadsell et al. 2006, CVPR")

    def __init__(
        self, margin: float | None = None, margin_schedule: Schedule = None, positive_margin: float = 0.0
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.positive_margin = check_number("positive_margin", positive_margin, 0, 2)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        positive, negative = relations.pair_masks()
        apart = distances(embeddings, ref_emb)
        return nonzero_mean(apart - self.positive_margin, positive) + nonzero_mean(self.margin - apart, negative)
