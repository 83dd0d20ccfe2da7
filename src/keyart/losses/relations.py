"""Relations between the posters of a batch, or between a batch and reference posters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance, RelevanceKind, negative_mask, positive_mask

Gains: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""A function that returns gains (N, M) in [0, 1] of two multi-hot tensors (N, G) and (M, G)."""
AnyRelevance: TypeAlias = RelevanceKind | Gains


@dataclass(frozen=True, eq=False)
class Relations:
    """Relations between N posters of a batch and M references (the batch itself, or a larger set).

    A poster and itself are neither positive nor negative. Miners narrow ``positive`` and ``negative``, or set
    ``triplets``; losses use exactly these pairs.

    Args:
        gain: (N, M) relevance in [0, 1].
        positive: (N, M) bool.
        negative: (N, M) bool.
        genres: (N, G) multi-hot float.
        reference_genres: (M, G) multi-hot float.
        triplets: (3, T) int64 positions of anchors, positives and negatives, if a miner selected some. None means all
            triplets that the masks allow.
        frozen: (N, M) cosine similarities of the frozen backbone's pooled features, or of a teacher's embeddings, if
            the loss needs them.
        different: (N, M) bool, whether row and reference are different posters, independent of a miner. None only if
            the
            masks were created by hand: then it is derived from gain and masks.
    """

    gain: Tensor
    positive: Tensor
    negative: Tensor
    genres: Tensor
    reference_genres: Tensor
    triplets: Tensor | None = None
    frozen: Tensor | None = None
    different: Tensor | None = None

    def pml_indices(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return pytorch-metric-learning's ``indices_tuple``: positions of anchors, positives, anchors, negatives.

        Their number depends on the data, so this waits for the device.
        """
        anchors, positives = torch.where(self.positive)
        others, negatives = torch.where(self.negative)
        return anchors, positives, others, negatives

    def pair_masks(self) -> tuple[Tensor, Tensor]:
        """Return positive and negative pairs as (N, M) masks, restricted to the pairs in ``triplets`` if there are any.

        This is for losses on pairs, which cannot distinguish the triplets of a pair.
        """
        if self.triplets is None:
            return self.positive, self.negative
        anchors, positives, negatives = self.triplets
        yes = torch.ones_like(anchors, dtype=torch.bool)
        return (
            torch.zeros_like(self.positive).index_put((anchors, positives), yes),
            torch.zeros_like(self.negative).index_put((anchors, negatives), yes),
        )

    def narrowed_to(self, indices: "Relations | tuple[Tensor, ...]") -> "Relations":
        """Return these relations with the pairs that a miner selected.

        Args:
            indices: What a miner returned: relations, or pytorch-metric-learning's ``indices_tuple`` of pairs (anchors,
                positives, anchors, negatives) or triplets (anchors, positives, negatives).

        Raises:
            ValueError: There are neither three nor four tensors.
        """
        if isinstance(indices, Relations):
            return replace(self, positive=indices.positive, negative=indices.negative, triplets=indices.triplets)
        if len(indices) == 3:
            return replace(self, triplets=torch.stack(indices))
        if len(indices) != 4:
            raise ValueError(f"indices_tuple must hold 3 or 4 tensors, not {len(indices)}")
        positive, negative = torch.zeros_like(self.positive), torch.zeros_like(self.negative)
        positive[indices[0], indices[1]] = True
        negative[indices[2], indices[3]] = True
        return replace(self, positive=positive, negative=negative, triplets=None)

    def valid_pairs(self) -> Tensor:
        """Return (N, M) bool, whether row and reference are different posters, for losses on the gain of every pair."""
        if self.different is not None:
            return self.different
        return self.positive | self.negative | ((self.gain > 0) & (self.gain < POSITIVE_GAIN))


def to_relevance(relevance: AnyRelevance) -> Gains:
    """Return a function that computes gains: of a kind that needs no weights, or the function itself."""
    return Relevance(relevance) if isinstance(relevance, str) else relevance


def compute_relations(
    genres: Tensor,
    reference_genres: Tensor,
    relevance: Callable[[Tensor, Tensor], Tensor],
    index: Tensor,
    reference_index: Tensor,
    *,
    frozen: tuple[Tensor, Tensor] | None = None,
) -> Relations:
    """Compute the relations between a batch and its references.

    Args:
        genres: (N, G) multi-hot of the batch.
        reference_genres: (M, G) multi-hot of the references.
        relevance: Function that returns gains (N, M) in [0, 1] of two multi-hot tensors. A pair is positive if its gain
            is at least 0.5, and negative if it is 0.
        index: (N,) number of the poster of each row.
        reference_index: (M,) the same for the references; equal numbers mean the same poster.
        frozen: Frozen pooled features or a teacher's embeddings, (N, F) and (M, F), if the loss needs similarities.
    """
    with torch.no_grad():
        gain = relevance(genres, reference_genres)
        different = index[:, None] != reference_index[None]
        similar = None
        if frozen is not None:
            mine, theirs = (nn.functional.normalize(part.float(), dim=1) for part in frozen)
            similar = mine @ theirs.T
        return Relations(
            gain=gain,
            positive=positive_mask(gain) & different,
            negative=negative_mask(gain) & different,
            genres=genres.float(),
            reference_genres=reference_genres.float(),
            frozen=similar,
            different=different,
        )


def compute_label_relations(
    labels: Tensor,
    count: int,
    relevance: Callable[[Tensor, Tensor], Tensor],
    ref_labels: Tensor | None = None,
    ref_count: int = 0,
) -> Relations:
    """Compute the relations between the items of a batch, or between them and reference items, from labels.

    Every row is a different item, and no reference is an item of the batch.

    Args:
        labels: (N,) integer class numbers, or (N, G) multi-hot.
        count: N.
        relevance: Function that returns gains (N, M) in [0, 1] of two multi-hot tensors.
        ref_labels: (M,) or (M, G) labels of the references; None for the batch itself.
        ref_count: M.

    Raises:
        ValueError: The labels have another shape.

    Examples:
        >>> from keyart.catalogue.relevance import Relevance
        >>> relations = compute_label_relations(torch.tensor([7, 7, 3]), 3, Relevance("jaccard"))
        >>> relations.positive.nonzero().tolist(), relations.negative.sum(dim=1).tolist()
        ([[0, 1], [1, 0]], [1, 1, 2])
    """
    for key, value, rows in (("labels", labels, count), ("ref_labels", ref_labels, ref_count)):
        if value is not None and (value.ndim not in (1, 2) or len(value) != rows):
            raise ValueError(f"{key} must be ({rows},) or ({rows}, G), not {tuple(value.shape)}")
    if ref_labels is not None and ref_labels.shape[1:] != labels.shape[1:]:
        raise ValueError(f"labels {tuple(labels.shape)} and ref_labels {tuple(ref_labels.shape)} do not match")
    if labels.ndim == 1:
        both = labels if ref_labels is None else torch.cat((labels, ref_labels.to(labels.device)))
        classes, number = torch.unique(both, return_inverse=True)
        hot = number[:, None] == torch.arange(len(classes), device=number.device)
        labels, ref_labels = hot[:count], None if ref_labels is None else hot[count:]
    index = torch.arange(count, device=labels.device)
    if ref_labels is None:
        return compute_relations(labels, labels, relevance, index, index)
    return compute_relations(
        labels, ref_labels, relevance, index, count + torch.arange(ref_count, device=labels.device)
    )
