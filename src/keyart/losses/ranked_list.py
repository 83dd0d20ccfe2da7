"""The ranked list loss: a margin between positives and the nearest negatives, with pairs weighted by difficulty."""

from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import distances

# Added to the sums of weights, once per reference, as in pytorch-metric-learning.
_TINY = 1e-5


class RankedListLoss(MetricLoss):
    r"""Ranked list loss (Wang et al. 2019, arXiv 1903.03238, equations 5 to 9).

    Let d be Euclidean distances of unit vectors, m the margin and α the boundary of negatives. For each anchor a, the
    positives with d > α − m and the negatives with d < α count, weighted by their violation. With λ the
    imbalance:

    .. math::

        w_p &= \exp(T_p (d_{ap} - (α - m))), \quad w_n = \exp(T_n (α - d_{an})) \\
        L_a &= (1 - λ) \frac{\sum_p w_p (d_{ap} - (α - m))}{\sum_p w_p} + λ \frac{\sum_n w_n (α - d_{an})}{\sum_n w_n}

    The loss is the mean over all anchors. 10⁻⁵ per reference is added to each sum of weights. On single labels this
    equals RankedListLoss of pytorch-metric-learning.

    Use it if each set of positives must keep its inner structure: it is drawn into a sphere, not into one point.

    Args:
        margin: m, a distance from 0 to 2; None for 0.4.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        alpha: α, a distance above 0 and at most 2; None for 1 + margin / 2.
        negative_temperature: T_n, 0 to 20.
        positive_temperature: T_p, 0 to 20.
        imbalance: Weight of the negatives in [0, 1].

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "ranked_list"
    margin_spec: ClassVar[Margin] = Margin("distance", 0, 2, 0.4, "Wang et al. 2019, arXiv 1903.03238")

    def __init__(
        self,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        alpha: float | None = None,
        negative_temperature: float = 10.0,
        positive_temperature: float = 0.0,
        imbalance: float = 0.5,
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.alpha = None if alpha is None else check_number("alpha", alpha, 0, 2, above=True)
        # Above 20, the exponentials overflow.
        self.negative_temperature = check_number("negative_temperature", negative_temperature, 0, 20)
        self.positive_temperature = check_number("positive_temperature", positive_temperature, 0, 20)
        self.imbalance = check_number("imbalance", imbalance, 0, 1)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        positive, negative = relations.pair_masks()
        alpha = 1 + self.margin / 2 if self.alpha is None else self.alpha
        apart = distances(embeddings, ref_emb)
        near = _violation(apart - (alpha - self.margin), positive, self.positive_temperature)
        far = _violation(alpha - apart, negative, self.negative_temperature)
        return ((1 - self.imbalance) * near + self.imbalance * far).sum() / max(1, len(embeddings))


def _violation(beyond: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Return the (N,) weighted mean of the values above 0 in each row of ``beyond`` (N, M)."""
    counted = mask & (beyond > 0)
    if temperature == 0:
        weights = counted.to(beyond.dtype)
    else:
        weights = torch.where(counted, torch.exp(temperature * torch.where(counted, beyond, 0)), 0)
    total = weights.sum(dim=1) + max(1, beyond.shape[1]) * _TINY
    return (weights * beyond).sum(dim=1) / total
