"""The base class of classifier losses (surrogate tasks): a linear layer on the raw embedding."""

from torch import Tensor, nn

from keyart.losses.base import MetricLoss, Schedule


class ClassifierLoss(MetricLoss):
    """Base class of losses on the logits of a linear layer from the raw embedding to the genres.

    There is no activation between the two: the logits are linear in the vector that is later normalised and compared.
    So this vector is the classifier's penultimate layer. References are not used.
    """

    input_kind = "raw"
    supports_memory = False
    supports_miner = False

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None) -> None:
        super().__init__(margin, margin_schedule)
        self.classifier: nn.Linear | None = None

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Create the linear layer from E columns to G genres."""
        self.classifier = nn.Linear(embedding_size, len(genre_counts))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Return the (N, G) logits of raw embeddings (N, E).

        Raises:
            RuntimeError: `build` has not been called.
        """
        if self.classifier is None:
            raise RuntimeError(f"{type(self).__name__}.build must be called before the loss is used")
        weight, bias = self.classifier.weight, self.classifier.bias
        return nn.functional.linear(embeddings, weight.to(embeddings.dtype), bias.to(embeddings.dtype))

    def probabilities(self, embeddings: Tensor) -> Tensor:
        """Return the classifier's (N, G) probabilities of raw embeddings (N, E)."""
        return self.logits(embeddings).sigmoid()
