"""Mining of pairs that are hard compared with the anchor's hardest pairs of the other kind."""

import math
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.miners.base import Miner


class MultiSimilarityMiner(Miner):
    r"""The mining step of the multi-similarity loss (Wang et al. 2019, arXiv 1904.06627, equations 6 and 7).

    With cosine similarities s, an anchor keeps

    .. math::

        n: \; s_{an} > \min_p s_{ap} - ε, \qquad p: \; s_{ap} < \max_n s_{an} + ε

    So an anchor without positives or without negatives keeps no pair. On single labels this equals MultiSimilarityMiner
    of pytorch-metric-learning.

    Use it with ``loss=multi_similarity``, which was designed with it, or with other losses on pairs of large batches.

    Args:
        epsilon: A difference of cosine similarities, 0 or more.

    Raises:
        InputError: ``epsilon`` is negative.
    """

    name: ClassVar[str] = "multi_similarity"

    def __init__(self, epsilon: float = 0.1) -> None:
        if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon < math.inf:
            raise InputError(f"miner.epsilon={epsilon}: takes a number of at least 0")
        self.epsilon = epsilon

    def mine(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Relations:
        """Choose pairs or triplets; see the class."""
        if len(ref_emb) == 0:
            return relations
        similar = embeddings @ ref_emb.T
        positive, negative = relations.positive, relations.negative
        least = torch.where(positive, similar, torch.inf).amin(dim=1, keepdim=True)
        most = torch.where(negative, similar, -torch.inf).amax(dim=1, keepdim=True)
        return replace(
            relations,
            positive=positive & (similar - self.epsilon < most),
            negative=negative & (similar + self.epsilon > least),
            triplets=None,
        )
