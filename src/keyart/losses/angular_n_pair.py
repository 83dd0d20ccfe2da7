"""The sum of the N-pair and the angular loss, as in the best models of the angular loss paper."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.angular import AngularLoss
from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.n_pair import NPairLoss, Pairs


class AngularNPairLoss(MetricLoss):
    r"""N-pair plus λ times angular (Wang et al. 2017, arXiv 1708.01682, section 3.3).

    .. math::

        L = L_{\text{N-pair}} + λ L_{\text{angular}}

    of the same batch. The N-pair loss compares similarities, which depend on the scale of a neighbourhood. The angular
    loss compares angles, which do not. See `NPairLoss` and `AngularLoss`.

    Use it where the angular loss alone leaves positives far apart: the N-pair term adds a pull that depends on
    similarity.

    Args:
        margin: The angular loss's angle in degrees, 1 to 80. None for 36.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        angular_weight: λ, 0 or more.
        pairs: The N-pair loss's pairs, ``all`` or ``one_per_genre``.

    Raises:
        InputError: The margin or the weight is out of range, or ``pairs`` is unknown.
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
        self.angular_weight = check_number("angular_weight", angular_weight, 0)
        self.angular = AngularLoss(margin)
        self.n_pair = NPairLoss(pairs=pairs)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        self.angular.margin = self.margin
        angular = self.angular.compute(embeddings, ref_emb, relations)
        return self.n_pair.compute(embeddings, ref_emb, relations) + self.angular_weight * angular
