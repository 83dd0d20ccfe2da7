"""ArcFace: softmax loss with an angular margin to the direction of each true genre."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from keyart.losses.argument_checks import check_number
from keyart.losses.base import Margin, Relations, Schedule
from keyart.losses.proxies import ProxyLoss, each_true_genre

# The smallest sin²θ whose square root has a bounded gradient.
_LEAST_SQUARE = {torch.float32: 1e-7, torch.float64: 1e-15}


class ArcFaceLoss(ProxyLoss):
    r"""ArcFace (Deng et al. 2019, arXiv 1801.07698, equation 3) for several genres per poster.

    With θ_ic the angle between poster i and the direction of genre c, C_i the genres of i, and m the margin:

    .. math::

        t_{ic} &= \begin{cases}
            \cos(θ_{ic} + m) & θ_{ic} \le 180^\circ - m \\
            \cos θ_{ic} - m \sin m & \text{otherwise}
        \end{cases} \\
        L &= \underset{i}{\text{mean}} \underset{c \in C_i}{\text{mean}} -\log
            \frac{\exp(\text{scale} \cdot t_{ic})}
            {\exp(\text{scale} \cdot t_{ic}) + \sum_{z \notin C_i} \exp(\text{scale} \cdot \cos θ_{iz})}

    So each true genre competes with the false ones, but not with the poster's other genres. On single labels this
    equals ArcFaceLoss of pytorch-metric-learning.

    Use it with one or few labels an item, where each label gets a direction of its own, as in face recognition.
    Posters are compared with labels, not with each other.

    Args:
        margin: An angle from 0 to 90 degrees; None for 28.6, half a radian.
        margin_schedule: Schedule of the margin during training; None for a constant margin.
        scale: Inverse temperature, above 0.

    Raises:
        InputError: A number is out of range.
    """

    name: ClassVar[str] = "arcface"
    margin_spec: ClassVar[Margin] = Margin("degrees", 0, 90, 28.6, "Deng et al. 2019, arXiv 1801.07698")

    def __init__(self, margin: float | None = None, margin_schedule: Schedule = None, scale: float = 64.0) -> None:
        super().__init__(margin, margin_schedule)
        self.scale = check_number("scale", scale, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings``; see the class."""
        assert self.margin is not None
        margin = math.radians(self.margin)
        cosines = self.cosines(embeddings)
        sines = (1 - cosines * cosines).clamp(min=_LEAST_SQUARE[cosines.dtype]).sqrt()
        turned = cosines * math.cos(margin) - sines * math.sin(margin)
        targets = torch.where(cosines >= -math.cos(margin), turned, cosines - margin * math.sin(margin))
        return each_true_genre(self.scale * cosines, self.scale * targets, relations.genres)
