"""Mining of one positive and one negative per anchor: the hardest, or others by rank."""

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner, distances

Rank = Literal["hard", "semi_hard", "easy", "all"]


class HardMiner(Miner):
    """Batch-hard mining (Hermans et al. 2017, arXiv 1703.07737): each anchor's farthest positive and nearest negative.

    ``hard`` is the farthest positive or the nearest negative. ``easy`` is the nearest positive (Xuan et al. 2020, arXiv
    1904.04370) or the farthest negative. ``semi_hard`` is the nearest negative that is farther than the selected
    positive, or the farthest positive that is nearer than the selected negative. ``all`` does not change a mask.
    Anchors without a positive or a negative are left out, unless a mask is ``all``. On single labels this equals
    BatchHardMiner and BatchEasyHardMiner of pytorch-metric-learning.

    Use it to learn from the pairs that are still wrong. Where labels are noisy, the hardest pairs often have wrong
    labels: ``negatives="semi_hard"`` is safer.

    The result is two masks, so nothing waits for the device.

    Args:
        positives: Which positive of an anchor to select.
        negatives: Which negative of an anchor to select.

    Raises:
        InputError: The rank is unknown, or ``semi_hard`` is used without a single selection for the other mask.
    """

    name: ClassVar[str] = "hard"

    def __init__(self, positives: Rank = "hard", negatives: Rank = "hard") -> None:
        for key, value in (("positives", positives), ("negatives", negatives)):
            if value not in get_args(Rank):
                raise InputError(f"miner.{key}={value}: takes one of {', '.join(get_args(Rank))}")
        for key, value, other in (("positives", positives, negatives), ("negatives", negatives, positives)):
            if value == "semi_hard" and other in ("semi_hard", "all"):
                raise InputError(f"miner.{key}=semi_hard: compares with the other choice; use hard or easy there")
        self.positives, self.negatives = positives, negatives

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        apart = distances(embeddings, ref_emb)
        positive, negative = relations.positive, relations.negative
        if self.positives == "semi_hard":
            negative = _chosen(apart, negative, farthest=self.negatives == "easy")
            nearer = apart < _distance(apart, negative)
            positive = _chosen(apart, positive & nearer, farthest=True)
        else:
            if self.positives != "all":
                positive = _chosen(apart, positive, farthest=self.positives == "hard")
            if self.negatives == "semi_hard":
                farther = apart > _distance(apart, positive)
                negative = _chosen(apart, negative & farther, farthest=False)
            elif self.negatives != "all":
                negative = _chosen(apart, negative, farthest=self.negatives == "easy")
        if "all" not in (self.positives, self.negatives):
            both = positive.any(dim=1, keepdim=True) & negative.any(dim=1, keepdim=True)
            positive, negative = positive & both, negative & both
        return replace(relations, positive=positive, negative=negative, triplets=None)


def _chosen(apart: Tensor, mask: Tensor, *, farthest: bool) -> Tensor:
    """Return an (N, M) mask with at most one item per row: the nearest or the farthest within ``mask``."""
    if apart.shape[1] == 0:
        return mask
    ranked = torch.where(mask, apart, -torch.inf if farthest else torch.inf)
    best = ranked.argmax(dim=1, keepdim=True) if farthest else ranked.argmin(dim=1, keepdim=True)
    return torch.zeros_like(mask).scatter(1, best, True) & mask


def _distance(apart: Tensor, one: Tensor) -> Tensor:
    """Return the (N, 1) distance at the selected item of each row; 0 if there is none, and the anchor is left out."""
    return torch.where(one, apart, 0).sum(dim=1, keepdim=True)
