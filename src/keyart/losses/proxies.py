"""The base class of losses with one learned proxy per genre, and cross-entropy for several true genres."""

import torch
from torch import Tensor, nn

from keyart.losses.base import MetricLoss, Schedule
from keyart.losses.reductions import masked_logsumexp, masked_mean, softplus


class ProxyLoss(MetricLoss):
    """Base class of losses on similarities of unit embeddings to one learned proxy per genre, without references."""

    supports_memory = False
    supports_miner = False

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None) -> None:
        super().__init__(margin, margin_schedule)
        self.proxies: nn.Parameter | None = None

    def build(self, embedding_size: int, genre_counts: Tensor, num_train: int) -> None:
        """Create the (G, E) proxies with random directions and lengths near 1."""
        start = torch.randn(len(genre_counts), embedding_size) * embedding_size**-0.5
        self.proxies = nn.Parameter(start)

    def cosines(self, rows: Tensor) -> Tensor:
        """Compute the (N, G) cosine similarities of unit vectors (N, E) to the proxies.

        Raises:
            RuntimeError: `build` has not been called.
        """
        if self.proxies is None:
            raise RuntimeError(f"{type(self).__name__}.build must be called before the loss is used")
        return rows @ nn.functional.normalize(self.proxies.to(rows.dtype), dim=1).T


def each_true_genre(logits: Tensor, targets: Tensor, genres: Tensor) -> Tensor:
    """Compute the cross-entropy of each true genre against all false ones, for posters with several genres.

        loss_i = mean over genres c of poster i of −log( exp(t_ic) / (exp(t_ic) + Σ_{z not of i} exp(l_iz)) )

    The loss is the mean over the posters that have a genre. A poster's other genres are not in the denominator, because
    they are also true. With one genre per poster, this is the softmax cross-entropy.

    Args:
        logits: (N, G) l, the logits of false genres.
        targets: (N, G) t, the logits of true genres, for example with a margin.
        genres: (N, G) multi-hot.
    """
    true = genres > 0
    against = masked_logsumexp(logits, ~true)
    losses = torch.where(true, softplus(against[:, None] - targets), 0).sum(dim=1)
    count = true.sum(dim=1)
    return masked_mean(losses / count.clamp(min=1), count > 0)
