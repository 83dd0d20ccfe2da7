"""The N-pair loss: compares each positive pair with all negatives at once."""

from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from keyart.losses.argument_checks import check_choice
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import as_numbers, masked_logsumexp, masked_mean, softplus

Pairs = Literal["all", "one_per_genre"]


class NPairLoss(MetricLoss):
    r"""Multi-class N-pair loss (Sohn 2016, NeurIPS, equation 6) on unit vectors.

    ``pairs="all"``, over every anchor a with each of its positives p and all of its negatives n:

    .. math::

        L = \underset{(a, p)}{\text{mean}} \log\left(1 + \sum_n \exp(x_a \cdot x_n - x_a \cdot x_p)\right)

    On single labels this equals NTXentLoss of pytorch-metric-learning with temperature 1.

    ``pairs="one_per_genre"``, the paper's own sampling, uses one pair of each genre g in the batch: the first anchor
    that shares g with a positive, and the first such positive. The negatives of a pair are those positives of the other
    genres' pairs that are negatives of the anchor. On single labels this equals NPairsLoss of pytorch-metric-learning.
    It depends on the order of the batch and does not use most of the pairs, so it is not the default.

    Use it as a loss without any number to tune.

    Args:
        margin: Must be None: the loss has none.
        pairs: Which pairs count.

    Raises:
        InputError: ``margin`` is not None, or ``pairs`` is unknown.
    """

    name: ClassVar[str] = "n_pair"

    def __init__(self, margin: float | None = None, pairs: Pairs = "all") -> None:
        super().__init__(margin)
        check_choice("pairs", pairs, get_args(Pairs))
        self.pairs = pairs

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        positive, negative = relations.pair_masks()
        if self.pairs == "all" or positive.numel() == 0:
            loss: Tensor = _AllPairs.apply(embeddings, ref_emb, ref_emb is embeddings, positive, negative)
            return loss
        anchors, partners, found = _one_per_genre(relations, positive)
        similar = embeddings[anchors] @ ref_emb[partners].T
        against = masked_logsumexp(similar, negative[anchors][:, partners] & found)
        return masked_mean(softplus(against - similar.diagonal()), found)


class _AllPairs(torch.autograd.Function):
    """Autograd function: mean over positive pairs of log(exp s_ap + Σ_n exp s_an) − s_ap, with a closed-form gradient.

    Each pass over the N × M similarities costs as much as the whole loss over one pair per genre, and autograd would
    need twice as many passes. Exponents of unit vectors are in [−1, 1], so nothing overflows.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ref_emb: Tensor, same: bool, positive: Tensor, negative: Tensor) -> Tensor:
        """Compute the mean over positive pairs; 0 if there are none."""
        similar = rows @ ref_emb.T
        requested, unwanted = as_numbers(positive, similar.dtype), as_numbers(negative, similar.dtype)
        pairs = requested.sum().clamp_(min=1)
        exponentials = similar.exp()
        total = exponentials + torch.linalg.vecdot(exponentials, unwanted)[:, None]
        inverse = requested / total
        gradient = unwanted.mul_(inverse.sum(dim=1, keepdim=True)).add_(inverse).mul_(exponentials).sub_(requested)
        ctx.same = same
        ctx.save_for_backward(rows, ref_emb, gradient, pairs)
        return torch.vdot(total.log_().sub_(similar).flatten(), requested.flatten()) / pairs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor | None, None, None, None]:
        """Return the gradients of rows and references; if the batch is compared with itself, the rows get their sum."""
        rows, ref_emb, gradient, pairs = ctx.saved_tensors
        scale = grad_output / pairs
        if ctx.same:
            return (gradient + gradient.T) @ rows * scale, None, None, None, None
        return gradient @ ref_emb * scale, gradient.T @ rows * scale, None, None, None


def _one_per_genre(relations: Relations, positive: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the first pair that shares each genre: (G,) anchors, (G,) positives, and (G,) bool, whether it exists."""
    mine, theirs = relations.genres, relations.reference_genres
    shared = (mine > 0) & (positive.to(theirs.dtype) @ theirs > 0)
    # argmax returns the first of equal values.
    anchors = shared.to(torch.uint8).argmax(dim=0)
    partners = (positive[anchors] & (theirs.T > 0)).to(torch.uint8).argmax(dim=1)
    return anchors, partners, shared.any(dim=0)
