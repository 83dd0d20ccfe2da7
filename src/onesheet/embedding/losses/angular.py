"""The angular loss: bounds the angle at the negative of each triangle (anchor, positive, negative)."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from onesheet.embedding.losses.base import Margin, MetricLoss, Relations, masked_mean

# exp of anything up to this, times as many terms as memory holds, fits each format.
_SAFE_EXPONENT = {torch.float32: 60.0, torch.float64: 600.0}


class AngularLoss(MetricLoss):
    """Angular loss for sets of genres (Wang et al. 2017, arXiv 1708.01682, equation 8 over all negatives).

    For each anchor a, each of its positives p and all negatives n *of the anchor*, with t = tan²(margin):

        f(a, p, n) = 4t · (x_a + x_p)·x_n − 2(1 + t) · x_a·x_p
        loss = mean over pairs (a, p) of log(1 + Σ_n exp f(a, p, n))

    A negative of the anchor may be related to the positive, which single labels rule out; it stays a negative, since
    the triangle is the anchor's. Pairs whose anchor has no negative count with loss 0. On single labels this equals
    AngularLoss of pytorch-metric-learning.

    The sum over n is a product of two matrices of exponentials, exp(4t · x_a·x_n) masked by the anchor's negatives and
    exp(4t · x_p·x_n): memory grows with N · M and not with the number of pairs times M. All terms are positive, so
    nothing cancels, and all exponents are bounded because the embeddings are unit vectors: float32 holds them up to
    60°, and beyond that the loss computes in float64.

    Args:
        margin: The angle in degrees, 1 to 80; 36 to 55 are useful. None for 45.

    Raises:
        InputError: When the margin is out of range.
    """

    name: ClassVar[str] = "angular"
    margin_spec: ClassVar[Margin] = Margin("degrees", 1, 80, 45, "Wang et al. 2017, arXiv 1708.01682")

    def __init__(self, margin: float | None = None) -> None:
        super().__init__(margin)
        assert self.margin is not None
        tangent = math.tan(math.radians(self.margin)) ** 2
        self.negative_scale = 4 * tangent
        self.positive_scale = 2 * (1 + tangent)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        given = rows.dtype
        largest = 2 * self.negative_scale + self.positive_scale
        if largest > _SAFE_EXPONENT[given]:
            rows, references = rows.double(), references.double()
        similar = rows @ references.T
        between = similar if references is rows else references @ references.T
        away = torch.exp(self.negative_scale * similar) * relations.negative
        sums = away @ torch.exp(self.negative_scale * between).T
        losses = torch.log1p(sums * torch.exp(-self.positive_scale * similar))
        return masked_mean(losses, relations.positive).to(given)
