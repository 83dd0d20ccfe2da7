"""How the posters of a batch stand to each other, or to more posters than the batch holds."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from keyart.catalogue.relevance import POSITIVE_GAIN, negative_mask, positive_mask


@dataclass(frozen=True, eq=False)
class Relations:
    """How N posters of a batch stand to M references (the batch itself, or more than it).

    A poster and itself are neither positive nor negative. Miners narrow ``positive`` and ``negative`` down, or name
    ``triplets``; losses obey whatever they find here.

    Args:
        gain: (N, M) relevance in [0, 1].
        positive: (N, M) bool.
        negative: (N, M) bool.
        genres: (N, G) multi-hot float.
        reference_genres: (M, G) multi-hot float.
        triplets: (3, T) int64 positions of anchors, positives and negatives, where a miner chose some; else None: all
            that the masks allow.
        frozen: (N, M) cosine similarities of the frozen backbone's pooled features, where the loss asked for them.
        other: (N, M) bool, whether row and reference are two posters, whatever a miner chose. None only where masks
            were made by hand: then it follows from gain and masks.
    """

    gain: Tensor
    positive: Tensor
    negative: Tensor
    genres: Tensor
    reference_genres: Tensor
    triplets: Tensor | None = None
    frozen: Tensor | None = None
    other: Tensor | None = None

    def pairs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Anchors and positives, anchors and negatives as positions: pytorch-metric-learning's ``indices_tuple``.

        Their number depends on the data, so this waits for the device.
        """
        anchors, positives = torch.where(self.positive)
        others, negatives = torch.where(self.negative)
        return anchors, positives, others, negatives

    def chosen(self) -> tuple[Tensor, Tensor]:
        """Positive and negative pairs as (N, M) masks, narrowed to the pairs in ``triplets`` where there are some.

        For losses on pairs, which cannot tell one triplet of a pair from another.
        """
        if self.triplets is None:
            return self.positive, self.negative
        anchors, positives, negatives = self.triplets
        yes = torch.ones_like(anchors, dtype=torch.bool)
        return (
            torch.zeros_like(self.positive).index_put((anchors, positives), yes),
            torch.zeros_like(self.negative).index_put((anchors, negatives), yes),
        )

    def compared(self) -> Tensor:
        """(N, M) bool, whether row and reference are two posters: for losses on the gain of every pair."""
        if self.other is not None:
            return self.other
        return self.positive | self.negative | ((self.gain > 0) & (self.gain < POSITIVE_GAIN))


def relate(
    genres: Tensor,
    reference_genres: Tensor,
    relevance: Callable[[Tensor, Tensor], Tensor],
    index: Tensor,
    reference_index: Tensor,
    *,
    frozen: tuple[Tensor, Tensor] | None = None,
) -> Relations:
    """The relations between a batch and its references.

    Args:
        genres: (N, G) multi-hot of the batch.
        reference_genres: (M, G) multi-hot of the references.
        relevance: Gains (N, M) in [0, 1] of two multi-hot tensors; positive from 0.5 on, negative at 0.
        index: (N,) which poster each row is.
        reference_index: (M,) the same of the references; equal numbers are one poster.
        frozen: Frozen pooled features (N, F) and (M, F), where the loss asks for their similarities.
    """
    with torch.no_grad():
        gain = relevance(genres, reference_genres)
        other = index[:, None] != reference_index[None]
        similar = None
        if frozen is not None:
            mine, theirs = (nn.functional.normalize(part.float(), dim=1) for part in frozen)
            similar = mine @ theirs.T
        return Relations(
            gain=gain,
            positive=positive_mask(gain) & other,
            negative=negative_mask(gain) & other,
            genres=genres.float(),
            reference_genres=reference_genres.float(),
            frozen=similar,
            other=other,
        )
