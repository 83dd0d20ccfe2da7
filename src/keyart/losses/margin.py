"""The margin loss: separates positives from negatives by a boundary β that can be learned."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from keyart.losses.argument_checks import check_choice, check_number
from keyart.losses.base import Margin, MetricLoss, Relations, Schedule
from keyart.losses.reductions import distances

LearnBeta = Literal["genre"] | bool


class MarginLoss(MetricLoss):
    r"""Margin loss (Wu et al. 2017, arXiv 1706.07567, equations 6 and 7), over triplets.

    With Euclidean distances d of unit vectors, over anchors a, their positives p and negatives n, m the margin:

    .. math::

        L = \frac{\sum_{(a, p, n)} [d_{ap} - β + m]_+ + [β - d_{an} + m]_+}{\text{number of brackets above 0}}
            + ν \cdot \text{regulariser}

    Use ``miner=distance_weighted`` for the paper's sampling of negatives. Without a miner, all triplets count: each
    positive pair counts as often as its anchor has negatives, and each negative pair as often as its anchor has
    positives. β is one number (``learn_beta`` false or true), or one number per genre (``"genre"``); then an anchor's β
    is the mean over its genres. The regulariser is β, or with ``"genre"`` the sum of β over triplets divided by the
    number of brackets above 0. On single labels this equals MarginLoss of pytorch-metric-learning.

    Use it with ``miner=distance_weighted``, for large batches in which most random negatives are already far away.

    Args:
        margin: A distance from 0 to 2; None for 0.2.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        beta: The boundary β, or its initial value: a distance above 0 and below 2.
        learn_beta: False, True or ``"genre"``.
        nu: Weight ν of the regulariser, 0 or more; only used for a learned β.

    Raises:
        InputError: A number is out of range, or ``learn_beta`` is unknown.
    """

    name: ClassVar[str] = "margin"
    margin_spec: ClassVar[Margin] = Margin("distance", 0, 2, 0.2, "Wu et al. 2017, arXiv 1706.07567")

    beta: Tensor

    def __init__(
        self,
        margin: float | None = None,
        margin_schedule: Schedule = None,
        beta: float = 1.2,
        learn_beta: LearnBeta = False,
        nu: float = 0.0,
    ) -> None:
        super().__init__(margin, margin_schedule)
        check_choice("learn_beta", learn_beta, (False, True, "genre"))
        self.learn_beta = learn_beta
        self.nu = check_number("nu", nu, 0)
        start = torch.tensor([check_number("beta", beta, 0, 2, above=True, below=True)])
        if learn_beta:
            self.beta = nn.Parameter(start)
        else:
            self.register_buffer("beta", start)

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Create one β per genre if ``learn_beta`` is ``"genre"``."""
        if self.learn_beta == "genre":
            self.beta = nn.Parameter(self.beta.detach()[:1].expand(len(genre_counts)).clone())

    def boundaries(self, relations: Relations, dtype: torch.dtype) -> Tensor:
        """Return the (N,) β of each row."""
        beta = self.beta.to(dtype)
        if len(beta) == 1:
            return beta.expand(len(relations.genres))
        genres = relations.genres.to(dtype)
        return genres @ beta / genres.sum(dim=1).clamp(min=1)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        assert self.margin is not None
        apart = distances(embeddings, ref_emb)
        beta = self.boundaries(relations, embeddings.dtype)
        near = torch.relu(apart - beta[:, None] + self.margin)
        far = torch.relu(beta[:, None] - apart + self.margin)
        if relations.triplets is not None:
            times = _times_named(relations.triplets, apart)
        else:
            times = _times_all(relations, embeddings.dtype)
        as_positive, as_negative = times
        total = (near * as_positive).sum() + (far * as_negative).sum()
        above = (as_positive * (near > 0)).sum() + (as_negative * (far > 0)).sum()
        loss = total / above.clamp(min=1)
        if not self.learn_beta or self.nu == 0:
            return loss
        triplets = as_positive.sum(dim=1)
        if self.learn_beta == "genre":
            return loss + self.nu * (triplets @ beta) / above.clamp(min=1)
        return loss + self.nu * self.beta.to(embeddings.dtype).sum() * (triplets.sum() > 0)


def _times_all(relations: Relations, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Count for each pair (N, M) in how many of all triplets it is the positive pair, and the negative pair."""
    positive, negative = relations.positive.to(dtype), relations.negative.to(dtype)
    return positive * negative.sum(dim=1, keepdim=True), negative * positive.sum(dim=1, keepdim=True)


def _times_named(triplets: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Count for each pair in how many of the selected triplets it is the positive pair, and the negative pair."""
    anchors, positives, negatives = triplets
    zeros, one = torch.zeros_like(like), torch.ones_like(anchors, dtype=like.dtype)
    return (
        zeros.index_put((anchors, positives), one, accumulate=True),
        zeros.index_put((anchors, negatives), one, accumulate=True),
    )
