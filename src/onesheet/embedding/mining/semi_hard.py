"""Triplets by how they stand to a margin."""

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from onesheet.embedding.losses.base import Relations
from onesheet.embedding.mining.base import Miner, distances
from onesheet.errors import InputError

Kind = Literal["semi_hard", "hard", "violating"]
Negatives = Literal["all", "nearest"]

# (pair, reference) comparisons made at once: 64 MiB of booleans and four times as much of distances.
_AT_ONCE = 2**24


class SemiHardMiner(Miner):
    """Triplets whose negative is farther than the positive, but by no more than the margin (Schroff et al. 2015).

    With Euclidean distances d of unit vectors, over anchors a, their positives p and negatives n:

        semi_hard: 0 < d_an − d_ap ≤ margin,   hard: d_an ≤ d_ap,   violating: both

    On single labels it equals TripletMarginMiner of pytorch-metric-learning (``semihard``, ``hard``, ``all``). All such
    triplets grow with N · M²: beside a large memory take ``negatives="nearest"``, the paper's one negative for each
    positive pair (arXiv 1503.03832, section 3.2).

    Args:
        margin: A distance above 0, at most 2.
        kind: Which triplets.
        negatives: ``all`` that fit a positive pair, or the ``nearest`` of them.

    Raises:
        InputError: For a margin out of range, or an unknown word.
    """

    name: ClassVar[str] = "semi_hard"

    def __init__(self, margin: float = 0.2, kind: Kind = "semi_hard", negatives: Negatives = "all") -> None:
        if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin <= 2:
            raise InputError(f"miner.margin={margin}: takes a distance of unit vectors, above 0 and at most 2")
        if kind not in get_args(Kind):
            raise InputError(f"miner.kind={kind}: takes one of {', '.join(get_args(Kind))}")
        if negatives not in get_args(Negatives):
            raise InputError(f"miner.negatives={negatives}: takes one of {', '.join(get_args(Negatives))}")
        self.margin, self.kind, self.negatives = margin, kind, negatives

    def mine(self, rows: Tensor, references: Tensor, relations: Relations) -> Relations:
        """See the class."""
        apart = distances(rows, references)
        anchors, positives = torch.where(relations.positive)
        found = [torch.empty(3, 0, dtype=torch.int64, device=rows.device)]
        step = max(1, _AT_ONCE // max(1, apart.shape[1]))
        for a, p in zip(torch.split(anchors, step), torch.split(positives, step), strict=True):
            gap = apart[a] - apart[a, p][:, None]
            fits = relations.negative[a] & (gap <= (0 if self.kind == "hard" else self.margin))
            if self.kind == "semi_hard":
                fits &= gap > 0
            if self.negatives == "nearest" and gap.shape[1]:
                nearest = torch.where(fits, gap, torch.inf).argmin(dim=1, keepdim=True)
                fits &= torch.zeros_like(fits).scatter(1, nearest, True)
            pair, negative = torch.where(fits)
            found.append(torch.stack((a[pair], p[pair], negative)))
        return replace(relations, triplets=torch.cat(found, dim=1))
