"""Proxy-NCA: pulls posters towards the proxies of their genres instead of towards each other."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Relations
from keyart.losses.proxies import ProxyLoss, each_true_genre


class ProxyNCALoss(ProxyLoss):
    r"""Proxy-NCA (Movshovitz-Attias et al. 2017, arXiv 1703.07464) with one proxy per genre, for multi-label posters.

    With squared distances d² = 2 − 2 cos of unit vectors to the proxies, and C_i the genres of poster i:

    .. math::

        e_{ic} &= \exp(-\text{scale} \cdot d^2_{ic}) \\
        L &= \underset{i}{\text{mean}} \underset{c \in C_i}{\text{mean}} -\log
            \frac{e_{ic}}{e_{ic} + \sum_{z \notin C_i} e_{iz}}

    On single labels this equals ProxyNCALoss of pytorch-metric-learning (whose ``softmax_scale`` defaults to 1).

    Use it for small batches and many labels: a poster is only compared with the genres' proxies.

    Args:
        margin: Must be None: the loss has none.
        scale: Inverse temperature, above 0. 9 is the value of ProxyNCA++ (Teh et al. 2020, arXiv 2004.01113): with 1,
            the distances of unit vectors are too similar to learn from.

    Raises:
        InputError: ``margin`` is not None, or the scale is not above 0.
    """

    name: ClassVar[str] = "proxy_nca"

    def __init__(self, margin: float | None = None, scale: float = 9.0) -> None:
        super().__init__(margin)
        self.scale = check_number("scale", scale, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings``; see the class."""
        # The part that all distances of a poster share (2 and its own squared length) cancels in the quotient.
        logits = 2 * self.scale * self.cosines(embeddings)
        return each_true_genre(logits, logits, relations.genres)
