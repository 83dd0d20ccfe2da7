"""Regression of the cosine similarity on the graded gain."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_choice, check_number
from keyart.losses.base import MetricLoss, Relations

Weighting = Literal["balanced", "none"]


class RegressionLoss(MetricLoss):
    r"""Weighted mean squared error of cosine similarities s to targets from the gains g.

    Over pairs of two posters i and j:

    .. math::

        L = \frac{\sum_{ij} w_{ij} (s_{ij} - \text{low} - (1 - \text{low}) g_{ij})^2}{\sum_{ij} w_{ij}}

    The target is 1 for two posters of the same genres, and ``low`` for unrelated posters. With
    ``weighting="balanced"``, pairs with and without a gain each get half of the total weight, whatever their numbers;
    with ``"none"``, all pairs have equal weight. If there are no pairs of one kind, the other kind has all the weight.
    Every pair has a target, so no miner applies.

    Use it if the cosine itself must have a meaning: similarities are fitted to the gains. ``experiment=finetune``
    uses it.

    Args:
        margin: Must be None: the loss has none.
        low: Target cosine of unrelated posters, at least −1 and below 1.
        weighting: ``balanced`` or ``none``.

    Raises:
        InputError: ``margin`` is not None, ``low`` is out of range, or the weighting is unknown.
    """

    name: ClassVar[str] = "regression"
    supports_miner = False

    def __init__(self, margin: float | None = None, low: float = 0.0, weighting: Weighting = "balanced") -> None:
        super().__init__(margin)
        self.low = check_number("low", low, -1, 1, below=True)
        check_choice("weighting", weighting, get_args(Weighting))
        self.weighting = weighting

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        valid_pairs = relations.valid_pairs()
        gain = relations.gain.to(embeddings.dtype)
        errors = (embeddings @ ref_emb.T - (self.low + (1 - self.low) * gain)) ** 2
        if self.weighting == "none":
            return torch.where(valid_pairs, errors, 0).sum() / valid_pairs.sum().clamp(min=1)
        related = valid_pairs & (gain > 0)
        unrelated = valid_pairs & (gain <= 0)
        weights = sum(kind.to(errors.dtype) / kind.sum().clamp(min=1) for kind in (related, unrelated))
        kinds = related.any().to(torch.int64) + unrelated.any()
        return (errors * weights).sum() / kinds.clamp(min=1)
