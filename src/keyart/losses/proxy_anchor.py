"""Proxy-Anchor: each genre's proxy is an anchor that is compared with all posters of the batch."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, Relations, Schedule
from keyart.losses.proxies import ProxyLoss
from keyart.losses.reductions import masked_logsumexp, softplus


class ProxyAnchorLoss(ProxyLoss):
    r"""Proxy-Anchor (Kim et al. 2020, arXiv 2003.13911, equation 4) with one proxy per genre, for multi-label posters.

    With cosine similarities s of posters x to proxies g, X_g the posters that have genre g, G₊ the genres of the
    batch, and m the margin:

    .. math::

        L = \frac{1}{|G_+|} \sum_{g \in G_+} \log\left(1 + \sum_{x \in X_g} \exp(-α (s_{xg} - m))\right)
            + \frac{1}{|G|} \sum_g \log\left(1 + \sum_{x \notin X_g} \exp(α (s_{xg} + m))\right)

    A poster is positive to the proxy of each of its genres. On single labels this equals ProxyAnchorLoss of
    pytorch-metric-learning.

    Use it for fast convergence with small batches: each genre is compared with the whole batch.

    Args:
        margin: A cosine similarity from 0 to 1; None for 0.1.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        alpha: Sharpness α, above 0.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "proxy_anchor"
    margin_spec: ClassVar[Margin] = Margin("cosine similarity", 0, 1, 0.1, "Kim et al. 2020, arXiv 2003.13911")

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None, alpha: float = 32.0) -> None:
        super().__init__(margin, margin_schedule)
        self.alpha = check_number("alpha", alpha, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings``; see the class."""
        assert self.margin is not None
        similar = self.cosines(embeddings)
        if len(embeddings) == 0:
            return similar.sum()
        true = relations.genres > 0
        near = softplus(masked_logsumexp(self.alpha * (self.margin - similar), true, dim=0))
        far = softplus(masked_logsumexp(self.alpha * (self.margin + similar), ~true, dim=0))
        return near.sum() / true.any(dim=0).sum().clamp(min=1) + far.mean()
