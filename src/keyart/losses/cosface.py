"""CosFace: softmax loss with a cosine margin to the direction of each true genre."""

from typing import ClassVar

from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, Relations, Schedule
from keyart.losses.proxies import ProxyLoss, each_true_genre


class CosFaceLoss(ProxyLoss):
    r"""CosFace (Wang et al. 2018, arXiv 1801.09414, equation 4) for several genres per poster.

    With s_ic the cosine of poster i to the direction of genre c, C_i the genres of i, and m the margin:

    .. math::

        t_{ic} &= s_{ic} - m \\
        L &= \underset{i}{\text{mean}} \underset{c \in C_i}{\text{mean}} -\log
            \frac{\exp(\text{scale} \cdot t_{ic})}
            {\exp(\text{scale} \cdot t_{ic}) + \sum_{z \notin C_i} \exp(\text{scale} \cdot s_{iz})}

    So each true genre competes with the false ones, but not with the poster's other genres. On single labels this
    equals CosFaceLoss of pytorch-metric-learning.

    Use it like ArcFace, if you want the margin to be a difference of cosines.

    Args:
        margin: A cosine similarity from 0 to 1; None for 0.35.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        scale: Inverse temperature, above 0.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "cosface"
    margin_spec: ClassVar[Margin] = Margin("cosine similarity", 0, 1, 0.35, "Wang et al. 2018, arXiv 1801.09414")

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None, scale: float = 64.0) -> None:
        super().__init__(margin, margin_schedule)
        self.scale = check_number("scale", scale, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings``; see the class."""
        assert self.margin is not None
        logits = self.scale * self.cosines(embeddings)
        return each_true_genre(logits, logits - self.scale * self.margin, relations.genres)
