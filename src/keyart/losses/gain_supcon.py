"""Supervised contrastive learning with the graded gain as weight."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import log_likelihood_loss, nonzero_mean


class GainSupConLoss(MetricLoss):
    """SupCon (Khosla et al. 2020, arXiv 2004.11362) in which each poster j counts by its gain g to the anchor.

    With cosine similarities s and temperature τ, over all other posters j of the batch or memory:

        loss_a = −Σ_j w_aj log( exp(s_aj/τ) / Σ_k exp(s_ak/τ) ) / Σ_j w_aj,   w = g^power

    and the mean over the anchors whose loss is above 0. A poster that shares one genre of three pulls a little instead
    of being left out. With gains of 0 and 1 alone this is `SupConLoss`. It has its own weight for each pair, so there
    is nothing for a miner to choose.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.
        power: Exponent of the gain, above 0: larger than 1 favours the most alike.

    Raises:
        InputError: For a margin, or a number that is not above 0.
    """

    name: ClassVar[str] = "gain_supcon"
    minable = False

    def __init__(self, margin: float | None = None, temperature: float = 0.1, power: float = 1.0) -> None:
        super().__init__(margin)
        self.temperature = number("temperature", temperature, 0, above=True)
        self.power = number("power", power, 0, above=True)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        compared = relations.compared()
        logits = (rows / self.temperature) @ references.T
        weights = relations.gain.to(logits.dtype) ** self.power * compared
        return nonzero_mean(log_likelihood_loss(logits, weights, compared))
