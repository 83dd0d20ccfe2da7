"""The asymmetric loss: a classifier's cross-entropy that reduces the weight of easy negatives."""

from typing import ClassVar

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, Relations, Schedule
from keyart.losses.classifier import ClassifierLoss


class AsymmetricLoss(ClassifierLoss):
    r"""Asymmetric loss over genres (Ridnik et al. 2021, arXiv 2009.14119, equations 4 to 7), as a surrogate task.

    With labels y, the classifier's probabilities p, and p_m = max(p − margin, 0) for a genre that the poster does not
    have:

    .. math::

        L = -\underset{\text{posters, genres}}{\text{mean}}
            \left( y (1 - p)^{γ_+} \log p + (1 - y) p_m^{γ_-} \log(1 - p_m) \right)

    A poster has only a few of all genres. The shift by the margin drops easy negatives, and γ₋ reduces the weight of
    the others. The paper uses the sum instead of the mean.

    Use it as a multi-label classifier where most labels of an item are absent, and easy negatives would outweigh the
    rest.

    Args:
        margin: A probability from 0 to 0.5; None for 0.05.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        positive_focus: γ₊: 0, or at least 1.
        negative_focus: γ₋: 0, or at least 1.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "asymmetric"
    margin_spec: ClassVar[Margin] = Margin("probability", 0, 0.5, 0.05, "Ridnik et al. 2021, arXiv 2009.14119")

    def __init__(
        self,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        positive_focus: float = 0.0,
        negative_focus: float = 4.0,
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.positive_focus = check_number("positive_focus", positive_focus, 0)
        self.negative_focus = check_number("negative_focus", negative_focus, 0)
        for key, value in (("positive_focus", positive_focus), ("negative_focus", negative_focus)):
            if 0 < value < 1:
                raise InputError(f"loss.{key}={value}: 0, or 1 and more; between them its gradient has no bound")

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of raw vectors ``embeddings``; see the class."""
        assert self.margin is not None
        logits = self.logits(embeddings)
        # sigmoid(−x) has full precision where p is near 1; 1 − p does not.
        with_it, without = logits.sigmoid(), (-logits).sigmoid()
        positive = torch.nn.functional.logsigmoid(logits)
        if self.positive_focus:
            positive = positive * without**self.positive_focus
        if self.margin > 0:
            negative = (without + self.margin).clamp(max=1).log()
        else:
            negative = torch.nn.functional.logsigmoid(-logits)
        if self.negative_focus:
            negative = negative * (with_it - self.margin).clamp(min=0) ** self.negative_focus
        return -torch.where(relations.genres > 0, positive, negative).sum() / max(1, logits.numel())
