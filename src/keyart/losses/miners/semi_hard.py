"""Mining of triplets by the difference of their distances relative to a margin."""

from dataclasses import replace
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner, distances

Kind = Literal["semi_hard", "hard", "violating"]
Negatives = Literal["all", "nearest"]

# Number of (pair, reference) comparisons at a time: 16 MiB of booleans, and four times as much of distances.
_AT_ONCE = 2**24


class SemiHardMiner(Miner):
    r"""Miner of triplets whose negative is farther than the positive by at most the margin (Schroff et al. 2015).

    With Euclidean distances d of unit vectors, over anchors a, their positives p and negatives n, m the margin:

    .. math::

        \text{semi-hard:} \; 0 < d_{an} - d_{ap} \le m, \qquad
        \text{hard:} \; d_{an} \le d_{ap}, \qquad
        \text{violating:} \; d_{an} - d_{ap} \le m

    On single labels this equals TripletMarginMiner of pytorch-metric-learning (``semihard``, ``hard``, ``all``). The
    number of all such triplets grows with N · M². With a large memory use ``negatives="nearest"``, the paper's one
    negative per positive pair (arXiv 1503.03832, section 3.2).

    Use it with ``loss=triplet``: it leaves out the triplets that the loss has solved, and the hardest ones, which can
    collapse an embedding early in training.

    Args:
        margin: A distance above 0, at most 2.
        kind: Which triplets to select.
        negatives: ``all`` matching negatives of a positive pair, or the ``nearest`` of them.

    Raises:
        InputError: The margin is out of range, or ``kind`` or ``negatives`` is unknown.
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

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        if len(ref_emb) == 0:
            return relations
        apart = distances(embeddings, ref_emb)
        most = 0 if self.kind == "hard" else self.margin
        found = self._nearest if self.negatives == "nearest" else self._all
        return replace(relations, triplets=found(apart, relations, most))

    def _all(self, apart: Tensor, relations: Relations, most: float) -> Tensor:
        """Return (3, T) all triplets whose negative is farther than the positive by at most ``most``."""
        anchors, positives = torch.where(relations.positive)
        found = [torch.empty(3, 0, dtype=torch.int64, device=apart.device)]
        step = max(1, _AT_ONCE // apart.shape[1])
        for a, p in zip(torch.split(anchors, step), torch.split(positives, step), strict=True):
            gap = apart[a] - apart[a, p][:, None]
            fits = relations.negative[a] & (gap <= most)
            if self.kind == "semi_hard":
                fits &= gap > 0
            pair, negative = torch.where(fits)
            found.append(torch.stack((a[pair], p[pair], negative)))
        return torch.cat(found, dim=1)

    def _nearest(self, apart: Tensor, relations: Relations, most: float) -> Tensor:
        """Return (3, T) the nearest such negative of each positive pair, from each row's sorted negatives."""
        ordered, negatives = torch.where(relations.negative, apart, torch.inf).sort(dim=1)
        place = torch.zeros_like(negatives)
        if self.kind == "semi_hard":
            place = torch.searchsorted(ordered, apart, right=True)
        inside = place.clamp(max=apart.shape[1] - 1)
        fits = relations.positive & (place == inside) & (ordered.gather(1, inside) - apart <= most)
        anchors, positives = torch.where(fits)
        return torch.stack((anchors, positives, negatives.gather(1, inside)[fits]))
