"""Distance-weighted sampling of negatives, so that all distances are equally frequent."""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner, distances


class DistanceWeightedMiner(Miner):
    r"""Distance-weighted sampling (Wu et al. 2017, arXiv 1706.07567, section 4): one negative per positive pair.

    Distances d of uniformly distributed unit vectors in E dimensions have the density

    .. math::

        q(d) \propto d^{E - 2} (1 - d^2 / 4)^{(E - 3) / 2}

    A negative is drawn with probability ∝ 1 / q(max(d, cutoff)), so that all distances are about equally frequent.
    Negatives at `nonzero_loss_cutoff` or farther, where the margin loss is 0, are never drawn. Anchors without eligible
    negatives are left out.

    The probabilities equal those of DistanceWeightedMiner of pytorch-metric-learning. But that miner draws positives
    with replacement; here each positive pair occurs once.

    Use it with ``loss=margin``, which was designed with it: most random negatives are far away and teach nothing.

    Args:
        cutoff: Smaller distances get the weight of this distance, which bounds the gradient's variance.
        nonzero_loss_cutoff: Upper limit of the distance of drawn negatives: above `cutoff`, at most 2.

    Raises:
        InputError: A distance is out of range.
    """

    name: ClassVar[str] = "distance_weighted"

    def __init__(self, cutoff: float = 0.5, nonzero_loss_cutoff: float = 1.4) -> None:
        if not 0 < cutoff < 2:
            raise InputError(f"miner.cutoff={cutoff}: takes a distance of unit vectors, above 0 and below 2")
        if not cutoff < nonzero_loss_cutoff <= 2:
            raise InputError(
                f"miner.nonzero_loss_cutoff={nonzero_loss_cutoff}: takes a distance above miner.cutoff={cutoff:g},"
                " at most 2"
            )
        self.cutoff, self.nonzero_loss_cutoff = cutoff, nonzero_loss_cutoff

    def probabilities(self, apart: Tensor, negative: Tensor, size: int) -> Tensor:
        """Compute the (N, M) probability that each reference is drawn as a row's negative.

        Rows sum to 1, or to 0 if a row has no eligible negative.

        Args:
            apart: (N, M) distances.
            negative: (N, M) bool.
            size: Width E of the embeddings.
        """
        eligible = negative & (apart < self.nonzero_loss_cutoff)
        bounded = apart.clamp(self.cutoff, self.nonzero_loss_cutoff)
        # At distance 2 the second factor of the density is 0; no eligible negative has this distance.
        inside = (1 - bounded.square() / 4).clamp(min=torch.finfo(apart.dtype).tiny)
        logarithms = (2 - size) * bounded.log() - (size - 3) / 2 * inside.log()
        weights = torch.where(eligible, logarithms, -torch.inf).softmax(dim=1)
        return torch.where(eligible, weights, 0)

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        if len(ref_emb) == 0:
            return relations
        apart = distances(embeddings, ref_emb)
        chances = self.probabilities(apart, relations.negative, embeddings.shape[1])
        # Inverse transform sampling: the first reference where the row's cumulative sum exceeds a uniform random
        # number. The number is below the total, so the selected reference has a positive probability.
        running = chances.double().cumsum(dim=1)
        at = torch.rand_like(running) * running[:, -1:]
        drawn = torch.searchsorted(running, at.nextafter(torch.zeros_like(at)), right=True)
        anchors, positives = torch.where(relations.positive & (running[:, -1:] > 0))
        return replace(relations, triplets=torch.stack((anchors, positives, drawn[anchors, positives])))
