"""The contrastive loss: positives together, negatives apart, each pair by itself."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import distances, nonzero_mean


class ContrastiveLoss(MetricLoss):
    """Contrastive loss (Hadsell et al. 2006, CVPR, "Dimensionality reduction by learning an invariant mapping").

    With Euclidean distances d of unit vectors:

        loss = mean over positive pairs beyond positive_margin of (d − positive_margin)
             + mean over negative pairs within margin of (margin − d)

    Distances count linearly and only violating pairs count, as in ContrastiveLoss of pytorch-metric-learning, which
    this equals on single labels; the paper squares them.

    Args:
        margin: How far apart negatives shall be: a distance from 0 to 2; None for 1.
        margin_schedule: How the margin grows during training; None for a constant one.
        positive_margin: How near positives shall be: a distance from 0 to 2.

    Raises:
        InputError: When a margin is out of range.
    """

    name: ClassVar[str] = "contrastive"
    margin_spec: ClassVar[Margin] = Margin("distance", 0, 2, 1, "Hadsell et al. 2006, CVPR")

    def __init__(
        self, margin: float | None = None, margin_schedule: Schedule = None, positive_margin: float = 0.0
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.positive_margin = number("positive_margin", positive_margin, 0, 2)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        assert self.margin is not None
        positive, negative = relations.chosen()
        apart = distances(rows, references)
        return nonzero_mean(apart - self.positive_margin, positive) + nonzero_mean(self.margin - apart, negative)
