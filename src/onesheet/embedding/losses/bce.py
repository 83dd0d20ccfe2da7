"""The multi-label classifier as a surrogate task: its penultimate layer is the embedding."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from onesheet.embedding.losses.base import MetricLoss, Relations
from onesheet.errors import InputError


class BCELoss(MetricLoss):
    """Binary cross-entropy over genres, of a linear layer on the embedding before its normalisation.

    There is no activation between the two: the logits are linear in the very vector that is later normalised and
    compared, so that vector is the classifier's penultimate layer. References are not used.

    Args:
        margin: Must be None: the loss has none.
        pos_weight: Factor of the positive term: a number, or ``"balanced"`` for (posters without / posters with) of
            each genre in training; None for 1.

    Raises:
        InputError: For a margin, or a ``pos_weight`` that is neither ``"balanced"`` nor a positive number.
    """

    name: ClassVar[str] = "bce"
    takes: ClassVar[Literal["normalised", "raw"]] = "raw"
    pairwise: ClassVar[bool] = False

    pos_weight: Tensor

    def __init__(self, margin: float | None = None, pos_weight: float | str | None = None) -> None:
        super().__init__(margin)
        number = isinstance(pos_weight, int | float) and not isinstance(pos_weight, bool) and pos_weight > 0
        if pos_weight not in (None, "balanced") and not number:
            raise InputError(f"loss.pos_weight={pos_weight}: give a positive number, balanced, or null")
        self._weighting = pos_weight
        self.classifier: nn.Linear | None = None

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Make the linear layer from E numbers to G genres, and the genres' weights."""
        counts = genre_counts.double()
        self.classifier = nn.Linear(embedding_size, len(counts))
        weights = torch.ones_like(counts)
        if self._weighting == "balanced":
            weights = (num_train - counts).clamp(min=1) / counts.clamp(min=1)
        elif self._weighting is not None:
            weights = weights * float(self._weighting)
        self.register_buffer("pos_weight", weights.float())

    def logits(self, embeddings: Tensor) -> Tensor:
        """(N, G) logits of raw embeddings (N, E).

        Raises:
            RuntimeError: Before `build`.
        """
        if self.classifier is None:
            raise RuntimeError("BCELoss.build must be called before the loss is used")
        weight, bias = self.classifier.weight, self.classifier.bias
        return nn.functional.linear(embeddings, weight.to(embeddings.dtype), bias.to(embeddings.dtype))

    def probabilities(self, embeddings: Tensor) -> Tensor:
        """(N, G) the classifier's probabilities of raw embeddings (N, E)."""
        return torch.sigmoid(self.logits(embeddings))

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` are raw."""
        if len(rows) == 0:
            return self.logits(rows).sum()
        return nn.functional.binary_cross_entropy_with_logits(
            self.logits(rows), relations.genres.to(rows.dtype), pos_weight=self.pos_weight.to(rows.dtype)
        )
