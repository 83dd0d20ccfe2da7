"""The angular and the N-pair loss together, as the angular paper trains its best models."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.angular import AngularLoss
from keyart.losses.argument_checks import number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.n_pair import NPairLoss, Pairs


class AngularNPairLoss(MetricLoss):
    """N-pair plus λ times angular (Wang et al. 2017, arXiv 1708.01682, section 3.3).

        loss = n_pair + angular_weight · angular

    of the same batch: the first compares similarities, which depend on the scale of a neighbourhood, the second angles,
    which do not. See `NPairLoss` and `AngularLoss`.

    Args:
        margin: The angular loss's angle in degrees, 1 to 80. None for 45.
        margin_schedule: How the margin grows during training; None for a constant one.
        angular_weight: λ, of 0 or more.
        pairs: The N-pair loss's pairs, ``all`` or ``one_per_genre``.

    Raises:
        InputError: When the margin or the weight is out of range, or ``pairs`` unknown.
    """

    name: ClassVar[str] = "angular_n_pair"
    margin_spec: ClassVar[Margin] = AngularLoss.margin_spec

    def __init__(
        self,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        angular_weight: float = 2.0,
        pairs: Pairs = "all",
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.angular_weight = number("angular_weight", angular_weight, 0)
        self.angular = AngularLoss(margin)
        self.n_pair = NPairLoss(pairs=pairs)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        self.angular.margin = self.margin
        angular = self.angular.compute(rows, references, relations)
        return self.n_pair.compute(rows, references, relations) + self.angular_weight * angular
