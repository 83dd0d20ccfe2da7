"""Binary cross-entropy of a multi-label classifier as a surrogate task; its penultimate layer is the embedding."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.losses.base import Relations
from keyart.losses.classifier import ClassifierLoss


class BCELoss(ClassifierLoss):
    r"""Binary cross-entropy over genres of a linear layer on the raw embedding (before normalisation).

    With labels y, the classifier's probabilities p, and a weight w_g of each genre:

    .. math::

        L = -\underset{\text{posters, genres}}{\text{mean}} \left( w_g y \log p + (1 - y) \log(1 - p) \right)

    Use it as the baseline that a metric loss must beat: ``experiment=classifier`` trains it.

    Args:
        margin: Must be None: the loss has none.
        pos_weight: w, the factor of the positive term: a number, or ``"balanced"`` for the number of training posters
            without the genre divided by the number with it; None for 1.

    Raises:
        InputError: ``margin`` is not None, or ``pos_weight`` is neither ``"balanced"`` nor a positive number.
    """

    name: ClassVar[str] = "bce"

    pos_weight: Tensor

    def __init__(self, margin: float | None = None, pos_weight: float | str | None = None) -> None:
        super().__init__(margin)
        number = isinstance(pos_weight, int | float) and not isinstance(pos_weight, bool) and pos_weight > 0
        if pos_weight not in (None, "balanced") and not number:
            raise InputError(f"loss.pos_weight={pos_weight}: give a positive number, balanced, or null")
        self._weighting = pos_weight

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Create the linear layer from E columns to G genres, and the genres' weights."""
        super().build(embedding_size, genre_counts, num_train)
        counts = genre_counts.double()
        weights = torch.ones_like(counts)
        if self._weighting == "balanced":
            weights = (num_train - counts).clamp(min=1) / counts.clamp(min=1)
        elif self._weighting is not None:
            weights = weights * float(self._weighting)
        self.register_buffer("pos_weight", weights.float())

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of raw vectors ``embeddings``; see the class."""
        if len(embeddings) == 0:
            return self.logits(embeddings).sum()
        return nn.functional.binary_cross_entropy_with_logits(
            self.logits(embeddings),
            relations.genres.to(embeddings.dtype),
            pos_weight=self.pos_weight.to(embeddings.dtype),
        )
