"""The angular loss: bounds the angle at the negative of each triangle (anchor, positive, negative)."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.base import Margin, MetricLoss, Relations
from keyart.losses.reductions import masked_mean

# exp of anything up to this, times as many terms as memory holds, fits each format.
_SAFE_EXPONENT = {torch.float32: 60.0, torch.float64: 600.0}


class AngularLoss(MetricLoss):
    """Angular loss for sets of genres (Wang et al. 2017, arXiv 1708.01682, equation 8 over all negatives).

    For each anchor a, each of its positives p and all negatives n *of the anchor*, with t = tan²(margin):

        f(a, p, n) = 4t · (x_a + x_p)·x_n − 2(1 + t) · x_a·x_p
        loss = mean over pairs (a, p) of log(1 + Σ_n exp f(a, p, n))

    A negative of the anchor may be related to the positive, which single labels rule out; it stays a negative, since
    the triangle is the anchor's. Pairs whose anchor has no negative count with loss 0. Where a miner named triplets,
    the sum over n is over those of the pair. On single labels this equals AngularLoss of pytorch-metric-learning.

    The sum over n is a product of two matrices of exponentials, exp(4t · x_a·x_n) masked by the anchor's negatives and
    exp(4t · x_p·x_n): memory grows with N · M and not with the number of pairs times M. All terms are positive, so
    nothing cancels, and all exponents are bounded because the embeddings are unit vectors: float32 holds them up to
    60°, and beyond that the loss computes in float64.

    Args:
        margin: The angle in degrees, 1 to 80; 36 to 55 are useful. None for 45.
        margin_schedule: How the margin grows during training; None for a constant one.

    Raises:
        InputError: When the margin is out of range.
    """

    name: ClassVar[str] = "angular"
    margin_spec: ClassVar[Margin] = Margin("degrees", 1, 80, 45, "Wang et al. 2017, arXiv 1708.01682")

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        assert self.margin is not None
        tangent = math.tan(math.radians(self.margin)) ** 2
        pull, push = 2 * (1 + tangent), 4 * tangent
        given = rows.dtype
        if 2 * push + pull > _SAFE_EXPONENT[given]:
            rows, references = rows.double(), references.double()
        similar = rows @ references.T
        between = similar if references is rows else references @ references.T
        if relations.triplets is not None:
            return _named_triplets(similar, between, relations.triplets, push, pull).to(given)
        away = torch.exp(push * similar) * relations.negative
        sums = away @ torch.exp(push * between).T
        losses = torch.log1p(sums * torch.exp(-pull * similar))
        return masked_mean(losses, relations.positive).to(given)


def _named_triplets(similar: Tensor, between: Tensor, triplets: Tensor, push: float, pull: float) -> Tensor:
    """The loss over the pairs of some triplets, each with the negatives that it is named with."""
    anchors, positives, negatives = triplets
    terms = push * (similar[anchors, negatives] + between[positives, negatives]) - pull * similar[anchors, positives]
    zeros = torch.zeros_like(similar)
    sums = zeros.index_put((anchors, positives), terms.exp(), accumulate=True)
    named = torch.zeros_like(zeros, dtype=torch.bool).index_put(
        (anchors, positives), torch.ones_like(anchors, dtype=torch.bool)
    )
    return masked_mean(torch.log1p(sums), named)
