"""Moments of four depths of a network, halves and colours."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from keyart.models.pooling import halves, moments
from keyart.models.poolings.base import Maps, Pooling

DEPTHS = 4


class DepthMoments(Pooling):
    """Mean and standard deviation of each of four stages, halves of the last features, and a colour histogram.

    The stages are the last four of a network that reduces the resolution, and evenly spaced blocks of one that does
    not. The histogram has 8 bins per channel.

    Use it to see texture and colour in few columns, also while fine-tuning: ``experiment=finetune`` does.
    """

    colours: ClassVar[bool] = True

    def stages(self, model: Any) -> tuple[list[int], dict[str, Any]]:
        """Return four stages; see `Pooling`."""
        reductions = [int(stage["reduction"]) for stage in model.feature_info]
        count = len(reductions)
        if len(set(reductions)) > 1 or count <= DEPTHS:
            return list(range(max(0, count - DEPTHS), count)), {}
        return [(i + 1) * count // DEPTHS - 1 for i in range(DEPTHS)], {}

    def forward(self, last: Tensor, maps: Maps) -> dict[str, Tensor]:
        """Compute the groups ``means``, ``deviations``, ``halves`` and ``colours``; see `Pooling`."""
        means, deviations = zip(*(moments(stage.float()) for stage in maps.stages), strict=True)
        assert maps.colours is not None
        return {
            "means": torch.cat(means, dim=1),
            "deviations": torch.cat(deviations, dim=1),
            "halves": torch.cat(halves(last), dim=1),
            "colours": maps.colours,
        }
