"""A listwise loss: the ranking of the whole list by similarity shall be that by gain."""

from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.argument_checks import number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import masked_logsumexp, masked_mean


class ListwiseLoss(MetricLoss):
    """ListNet's top-one cross-entropy (Cao et al. 2007, ICML) from the ideal ranking to that of the embedding.

    With cosine similarities s and gains g, over all other posters j of the batch or memory:

        P_a = softmax_j(g_aj / gain_temperature),  Q_a = softmax_j(s_aj / temperature)
        loss = mean over anchors with some gain of Σ_j P_aj (log P_aj − log Q_aj)

    which is the cross-entropy of P and Q less the entropy of P: their gradients are one, and 0 is the ideal. Each
    list counts as a whole, so no miner applies.

    Args:
        margin: Must be None: the loss has none.
        temperature: Of the similarities, above 0.
        gain_temperature: Of the gains, above 0: the smaller, the more the list's top counts.

    Raises:
        InputError: For a margin, or a temperature that is not above 0.
    """

    name: ClassVar[str] = "listwise"
    minable = False

    def __init__(self, margin: float | None = None, temperature: float = 0.1, gain_temperature: float = 0.2) -> None:
        super().__init__(margin)
        self.temperature = number("temperature", temperature, 0, above=True)
        self.gain_temperature = number("gain_temperature", gain_temperature, 0, above=True)

    def compute(self, rows: Tensor, references: Tensor, relations: Relations) -> Tensor:
        """See the class; ``rows`` and ``references`` are unit vectors."""
        compared = relations.compared()
        gain = relations.gain.to(rows.dtype)
        logits = (rows / self.temperature) @ references.T
        losses = row_divergence(gain / self.gain_temperature, logits, compared)
        return masked_mean(losses, (compared & (gain > 0)).any(dim=1))


def row_divergence(target_logits: Tensor, logits: Tensor, compared: Tensor) -> Tensor:
    """Kullback–Leibler divergence of each row's softmax from that of its target, over what is ``compared``.

    Args:
        target_logits: (N, M), without gradient.
        logits: (N, M).
        compared: (N, M) bool.

    Returns:
        (N,), 0 for rows with nothing to compare.
    """
    wanted = masked_logsumexp(target_logits, compared)
    share = torch.where(compared, (target_logits - wanted[:, None]).clamp(max=0).exp(), 0)
    # Shares sum to 1, so the normalisers leave the sum.
    inner = (share * (target_logits - logits)).sum(dim=1)
    given = masked_logsumexp(logits, compared)
    return torch.where(compared.any(dim=1), inner - wanted + given, 0)
