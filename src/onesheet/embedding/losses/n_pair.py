"""The N-pair loss: each positive pair against all negatives at once."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from onesheet.embedding.losses.base import MetricLoss, Relations
from onesheet.embedding.losses.checks import choice
from onesheet.embedding.losses.reduce import masked_logsumexp, masked_mean, softplus

Pairs = Literal["all", "one_per_genre"]


class NPairLoss(MetricLoss):
    """Multi-class N-pair loss (Sohn 2016, NeurIPS, equation 6) of unit vectors.

    ``pairs="all"``, over every anchor a with each of its positives p and all of its negatives n:

        loss = mean over pairs (a, p) of log(1 + Σ_n exp(x_a·x_n − x_a·x_p))

    which on single labels is NTXentLoss of pytorch-metric-learning with temperature 1.

    ``pairs="one_per_genre"``, the paper's own sampling, takes one pair of each genre g in the batch, the first anchor
    that shares g with a positive and the first such positive. The negatives of a pair are the positives of the other
    genres' pairs, where they are negatives of the anchor. On single labels this equals NPairsLoss of
    pytorch-metric-learning. It depends on the order of the batch and leaves most of its pairs unused, so it is not the
    default.

    Args:
        margin: Must be None: the loss has none.
        pairs: Which pairs count.

    Raises:
        InputError: For a margin, or unknown ``pairs``.
    """

    name: ClassVar[str] = "n_pair"

    def __init__(self, margin: float | None = None, pairs: Pairs = "all") -> None:
        super().__init__(margin)
        choice("pairs", pairs, get_args(Pairs))
        self.pairs = pairs

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        positive, negative = relations.chosen()
        if self.pairs == "all" or positive.numel() == 0:
            similar = rows @ references.T
            # Exponents of unit vectors lie in [−1, 1]: nothing overflows, and nothing is lost beside the 1.
            exponentials = similar.exp()
            against = (exponentials * negative).sum(dim=1, keepdim=True)
            return masked_mean((exponentials + against).log() - similar, positive)
        anchors, partners, found = _one_per_genre(relations, positive)
        similar = rows[anchors] @ references[partners].T
        against = masked_logsumexp(similar, negative[anchors][:, partners] & found)
        return masked_mean(softplus(against - similar.diagonal()), found)


def _one_per_genre(relations: Relations, positive: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first pair that shares each genre: (G,) anchors, (G,) positives, and (G,) bool whether there is one."""
    mine, theirs = relations.genres, relations.reference_genres
    shared = (mine > 0) & (positive.to(theirs.dtype) @ theirs > 0)
    # argmax gives the first of equal numbers.
    anchors = shared.to(torch.uint8).argmax(dim=0)
    partners = (positive[anchors] & (theirs.T > 0)).to(torch.uint8).argmax(dim=1)
    return anchors, partners, shared.any(dim=0)
