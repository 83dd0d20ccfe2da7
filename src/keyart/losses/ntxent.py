"""The normalised temperature-scaled cross-entropy (NT-Xent): compares each positive with all negatives."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import masked_logsumexp, masked_mean, softplus


class NTXentLoss(MetricLoss):
    r"""NT-Xent or InfoNCE (Chen et al. 2020, arXiv 2002.05709, equation 1) with several positives per anchor.

    With cosine similarities s and temperature τ, over every anchor a with each of its positives p:

    .. math::

        L = \underset{(a, p)}{\text{mean}} -\log \frac{\exp(s_{ap}/τ)}{\exp(s_{ap}/τ) + \sum_n \exp(s_{an}/τ)}

    Other positives of the anchor are not in the denominator. On single labels this equals NTXentLoss of
    pytorch-metric-learning.

    Use it to separate each positive from all negatives on its own; a lower temperature looks at the hardest
    ones.

    Args:
        margin: Must be None: the loss has none.
        temperature: τ, above 0.

    Raises:
        InputError: ``margin`` is not None, or a temperature is not above 0.
    """

    name: ClassVar[str] = "ntxent"

    def __init__(self, margin: float | None = None, temperature: float = 0.07) -> None:
        super().__init__(margin)
        self.temperature = check_number("temperature", temperature, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        positive, negative = relations.pair_masks()
        logits = (embeddings / self.temperature) @ ref_emb.T
        against = masked_logsumexp(logits, negative)
        return masked_mean(softplus(against[:, None] - logits), positive)
