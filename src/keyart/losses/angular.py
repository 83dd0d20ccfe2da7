"""The angular loss: bounds the angle at the negative of each triangle (anchor, positive, negative)."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.base import Margin, MetricLoss, Relations
from keyart.losses.reductions import as_numbers, masked_mean

# The sum of exponentials up to these values fits each format, for any number of terms that memory can hold.
_SAFE_EXPONENT = {torch.float32: 60.0, torch.float64: 600.0}


class AngularLoss(MetricLoss):
    r"""Angular loss for sets of genres (Wang et al. 2017, arXiv 1708.01682, equation 8 over all negatives).

    For each anchor a, each of its positives p and all negatives n *of the anchor*, with t = tan²(margin):

    .. math::

        f(a, p, n) &= 4t (x_a + x_p) \cdot x_n - 2(1 + t) x_a \cdot x_p \\
        L &= \underset{(a, p)}{\text{mean}} \log\left(1 + \sum_n \exp f(a, p, n)\right)

    With several labels, a negative of the anchor may be related to the positive. It remains a negative, because the
    anchor defines the triangle. Pairs whose anchor has no negative count with loss 0. If a miner selects triplets, the
    sum over n covers the triplets of the pair. On single labels this equals AngularLoss of pytorch-metric-learning.

    The sum over n is a product of two matrices of exponentials, exp(4t · x_a·x_n) masked by the anchor's negatives and
    exp(4t · x_p·x_n). So memory grows with N · M, not with the number of pairs times M. All terms are positive, so
    there is no cancellation. All exponents are bounded because the embeddings are unit vectors: float32 is sufficient
    up to 60°; above, the loss computes in float64.

    Use it as the first choice on cached features: it is keyart's default. It reads angles, so one margin fits
    neighbourhoods of any scale.

    Args:
        margin: The angle in degrees, from 1 to 80; useful values are 36 to 55. None for 36.
        margin_schedule: Schedule of the margin during training; None for a constant margin.

    Raises:
        InputError: The margin is out of range.
    """

    name: ClassVar[str] = "angular"
    margin_spec: ClassVar[Margin] = Margin("degrees", 1, 80, 36, "Wang et al. 2017, arXiv 1708.01682")

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        tangent = math.tan(math.radians(self.margin)) ** 2
        pull, push = 2 * (1 + tangent), 4 * tangent
        given = embeddings.dtype
        if 2 * push + pull > _SAFE_EXPONENT[given]:
            embeddings, ref_emb = embeddings.double(), ref_emb.double()
        similar = embeddings @ ref_emb.T
        between = similar if ref_emb is embeddings else ref_emb @ ref_emb.T
        if relations.triplets is not None:
            return _named_triplets(similar, between, relations.triplets, push, pull).to(given)
        away = torch.exp(push * similar) * as_numbers(relations.negative, similar.dtype)
        sums = away @ torch.exp(push * between).T
        losses = torch.log1p(sums * torch.exp(-pull * similar))
        return masked_mean(losses, relations.positive).to(given)


def _named_triplets(similar: Tensor, between: Tensor, triplets: Tensor, push: float, pull: float) -> Tensor:
    """Compute the loss over the pairs of selected triplets, each with the negatives of its triplets."""
    anchors, positives, negatives = triplets
    terms = push * (similar[anchors, negatives] + between[positives, negatives]) - pull * similar[anchors, positives]
    zeros = torch.zeros_like(similar)
    sums = zeros.index_put((anchors, positives), terms.exp(), accumulate=True)
    named = torch.zeros_like(zeros, dtype=torch.bool).index_put(
        (anchors, positives), torch.ones_like(anchors, dtype=torch.bool)
    )
    return masked_mean(torch.log1p(sums), named)
