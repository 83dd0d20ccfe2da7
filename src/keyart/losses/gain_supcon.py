"""The supervised contrastive loss with the graded gain as weight."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import log_likelihood_loss, nonzero_mean


class GainSupConLoss(MetricLoss):
    r"""SupCon (Khosla et al. 2020, arXiv 2004.11362) that weights each poster j by its gain g to the anchor.

    With cosine similarities s and temperature τ, over all other posters j of the batch or memory:

    .. math::

        L_a = -\frac{1}{\sum_j w_{aj}} \sum_j w_{aj} \log \frac{\exp(s_{aj}/τ)}{\sum_k \exp(s_{ak}/τ)},
            \quad w = g^{\text{power}}

    The loss is the mean over the anchors whose loss is above 0. A poster that shares one genre of three pulls weakly,
    instead of being left out. If all gains are 0 or 1, this is `SupConLoss`. Every pair has its own weight, so no miner
    applies.

    Use it if degrees of relevance matter: all pairs with a gain pull, also those that are not positive.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.
        power: Exponent of the gain, above 0: values above 1 favour the most similar posters.

    Raises:
        InputError: ``margin`` is not None, or a number is not above 0.
    """

    name: ClassVar[str] = "gain_supcon"
    supports_miner = False

    def __init__(self, margin: float | None = None, temperature: float = 0.1, power: float = 1.0) -> None:
        super().__init__(margin)
        self.temperature = check_number("temperature", temperature, 0, above=True)
        self.power = check_number("power", power, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        valid_pairs = relations.valid_pairs()
        logits = (embeddings / self.temperature) @ ref_emb.T
        weights = relations.gain.to(logits.dtype) ** self.power * valid_pairs
        return nonzero_mean(log_likelihood_loss(logits, weights, valid_pairs))
