"""The multi-similarity loss: weights pairs by their own similarity and by that of the anchor's other pairs."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import masked_logsumexp, softplus


class MultiSimilarityLoss(MetricLoss):
    r"""Multi-similarity loss (Wang et al. 2019, arXiv 1904.06627, equation 15).

    With cosine similarities s and margin λ, over all anchors a:

    .. math::

        L = \underset{a}{\text{mean}} \left( \frac{1}{α} \log\left(1 + \sum_p \exp(-α (s_{ap} - λ))\right)
            + \frac{1}{β} \log\left(1 + \sum_n \exp(β (s_{an} - λ))\right) \right)

    The paper mines pairs first: ``miner=multi_similarity``. On single labels this equals MultiSimilarityLoss of
    pytorch-metric-learning.

    Use it with ``miner=multi_similarity``, for batches with many positives and negatives an anchor: hard pairs weigh
    most.

    Args:
        margin: λ, a cosine similarity from −1 to 1; None for 0.5, as in the authors' code (1 in the paper).
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        alpha: Sharpness over positives, above 0.
        beta: Sharpness over negatives, above 0.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "multi_similarity"
    margin_spec: ClassVar[Margin] = Margin("cosine similarity", -1, 1, 0.5, "Wang et al. 2019, arXiv 1904.06627")

    def __init__(
        self, margin: float | None = None, margin_schedule: Schedule = None, alpha: float = 2.0, beta: float = 50.0
    ) -> None:
        super().__init__(margin, margin_schedule)
        self.alpha = check_number("alpha", alpha, 0, above=True)
        self.beta = check_number("beta", beta, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        positive, negative = relations.pair_masks()
        beyond = embeddings @ ref_emb.T - self.margin
        near = softplus(masked_logsumexp(-self.alpha * beyond, positive)) / self.alpha
        far = softplus(masked_logsumexp(self.beta * beyond, negative)) / self.beta
        return (near + far).sum() / max(1, len(embeddings))
