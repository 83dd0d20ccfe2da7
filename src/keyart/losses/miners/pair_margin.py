"""Mining of pairs by distance thresholds."""

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner, distances


class PairMarginMiner(Miner):
    """Miner of positives farther apart than one distance and negatives nearer than another.

    On single labels this equals PairMarginMiner of pytorch-metric-learning.

    Use it with ``loss=contrastive``, where distances have an absolute meaning.

    Args:
        positive_margin: Positive pairs above this Euclidean distance of unit vectors are selected; from 0 to 2.
        negative_margin: Negative pairs below this distance are selected; from 0 to 2.

    Raises:
        InputError: A distance is out of range.
    """

    name: ClassVar[str] = "pair_margin"

    def __init__(self, positive_margin: float = 0.2, negative_margin: float = 0.8) -> None:
        for key, value in (("positive_margin", positive_margin), ("negative_margin", negative_margin)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2:
                raise InputError(f"miner.{key}={value}: takes a distance of unit vectors, from 0 to 2")
        self.positive_margin, self.negative_margin = positive_margin, negative_margin

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        apart = distances(embeddings, ref_emb)
        return replace(
            relations,
            positive=relations.positive & (apart > self.positive_margin),
            negative=relations.negative & (apart < self.negative_margin),
            triplets=None,
        )
