"""A listwise loss: the ranking by similarity should match the ranking by gain."""

from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.reductions import masked_logsumexp, masked_mean


class ListwiseLoss(MetricLoss):
    r"""ListNet's top-one loss (Cao et al. 2007, ICML) between the ideal ranking and the embedding's ranking.

    With cosine similarities s, gains g, and their temperatures τ and τ_g, over anchors a with any gain and all other
    posters j of the batch or memory:

    .. math::

        P_a &= \operatorname{softmax}_j(g_{aj}/τ_g), \quad Q_a = \operatorname{softmax}_j(s_{aj}/τ) \\
        L &= \underset{a}{\text{mean}} \sum_j P_{aj} (\log P_{aj} - \log Q_{aj})

    This is the cross-entropy of P and Q minus the entropy of P. It has the same gradient as the cross-entropy, and its
    minimum is 0. Each list counts as a whole, so no miner applies.

    Use it if the order of a whole list matters more than any single pair, with graded relevance.

    Args:
        margin: Must be None: the loss has none.
        temperature: Temperature of the similarities, above 0.
        gain_temperature: Temperature of the gains, above 0; a smaller value gives the top of the list more weight.

    Raises:
        InputError: ``margin`` is not None, or a temperature is not above 0.
    """

    name: ClassVar[str] = "listwise"
    supports_miner = False

    def __init__(self, margin: float | None = None, temperature: float = 0.1, gain_temperature: float = 0.2) -> None:
        super().__init__(margin)
        self.temperature = check_number("temperature", temperature, 0, above=True)
        self.gain_temperature = check_number("gain_temperature", gain_temperature, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class."""
        valid_pairs = relations.valid_pairs()
        gain = relations.gain.to(embeddings.dtype)
        logits = (embeddings / self.temperature) @ ref_emb.T
        losses = row_divergence(gain / self.gain_temperature, logits, valid_pairs)
        return masked_mean(losses, (valid_pairs & (gain > 0)).any(dim=1))


def row_divergence(target_logits: Tensor, logits: Tensor, valid_pairs: Tensor) -> Tensor:
    """Compute the Kullback–Leibler divergence of each row's softmax from that of its target, over some columns.

    Args:
        target_logits: (N, M), without gradient.
        logits: (N, M).
        valid_pairs: (N, M) bool.

    Returns:
        (N,), 0 for rows without columns to compare.
    """
    requested = masked_logsumexp(target_logits, valid_pairs)
    share = torch.where(valid_pairs, (target_logits - requested[:, None]).clamp(max=0).exp(), 0)
    # The shares sum to 1, so the normalisers are not part of the sum.
    inner = (share * (target_logits - logits)).sum(dim=1)
    given = masked_logsumexp(logits, valid_pairs)
    return torch.where(valid_pairs.any(dim=1), inner - requested + given, 0)
