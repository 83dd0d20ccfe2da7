"""The circle loss: the weight of each pair grows with the distance of its similarity from its optimum."""

from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import masked_logsumexp, nonzero_mean, softplus


class CircleLoss(MetricLoss):
    r"""Circle loss on pairs (Sun et al. 2020, arXiv 2002.10857, equations 6 to 8).

    With cosine similarities s and the margin m, the optima 1 + m and −m, and the weights held constant in the gradient:

    .. math::

        w_{ap} &= [1 + m - s_{ap}]_+, \quad w_{an} = [s_{an} + m]_+ \\
        L_a &= \log\left(1 + \sum_n \exp(γ w_{an} (s_{an} - m)) \cdot \sum_p \exp(-γ w_{ap} (s_{ap} - (1 - m)))\right)

    The loss is the mean over the anchors that have positives, negatives and a loss above 0. On single labels this
    equals CircleLoss of pytorch-metric-learning.

    Use it where positives and negatives converge at different speeds: each pair is weighted by how far it is from its
    optimum.

    Args:
        margin: m, a cosine similarity from 0 to 1; None for 0.4, the paper's value for fine-grained retrieval.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        gamma: Scale γ, above 0.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "circle"
    margin_spec: ClassVar[Margin] = Margin("cosine similarity", 0, 1, 0.4, "Sun et al. 2020, arXiv 2002.10857")

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None, gamma: float = 80.0) -> None:
        super().__init__(margin, margin_schedule)
        self.gamma = check_number("gamma", gamma, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        positive, negative = relations.pair_masks()
        similar = embeddings @ ref_emb.T
        fixed = similar.detach()
        pull = -self.gamma * torch.relu(1 + self.margin - fixed) * (similar - (1 - self.margin))
        push = self.gamma * torch.relu(fixed + self.margin) * (similar - self.margin)
        losses = softplus(masked_logsumexp(pull, positive) + masked_logsumexp(push, negative))
        return nonzero_mean(losses, positive.any(dim=1) & negative.any(dim=1))
