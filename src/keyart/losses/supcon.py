"""The supervised contrastive loss: one softmax over all positives and negatives of an anchor."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import log_likelihood_loss, nonzero_mean


class SupConLoss(MetricLoss):
    r"""SupCon (Khosla et al. 2020, arXiv 2004.11362, equation 2, L_out).

    With cosine similarities s and temperature τ, P and N the positives and negatives of an anchor a:

    .. math::

        L_a = -\frac{1}{|P|} \sum_{p \in P} \log \frac{\exp(s_{ap}/τ)}{\sum_{j \in P \cup N} \exp(s_{aj}/τ)}

    The loss is the mean over the anchors whose loss is above 0. Posters that are neither positive nor negative are left
    out of the denominator. A batch without any negative has loss 0. On single labels this equals SupConLoss of
    pytorch-metric-learning.

    Use it for large batches with several positives an anchor; it draws them all at once.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.

    Raises:
        InputError: ``margin`` is not None, or a temperature is not above 0.
    """

    name: ClassVar[str] = "supcon"

    def __init__(self, margin: float | None = None, temperature: float = 0.1) -> None:
        super().__init__(margin)
        self.temperature = check_number("temperature", temperature, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        positive, negative = relations.pair_masks()
        logits = (embeddings / self.temperature) @ ref_emb.T
        losses = log_likelihood_loss(logits, positive.to(logits.dtype), positive | negative)
        return nonzero_mean(losses) * negative.any()
