"""Multi-scale feature pooling: features of all stages of a network, in named groups of columns."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keyart.models.pooling import covariances, grid_means, moments
from keyart.models.poolings.base import Maps, Pooling

GRID = (3, 2)
COVARIANCE_CHANNELS = 40


@dataclass(frozen=True)
class Depths:
    """The division of a network's stages into low, middle and high ones.

    Low and high are the lowest and the highest two sevenths of the stages, at least one each; middle is the rest. The
    seven stages of EfficientNet are divided into two, three and two.

    Attributes:
        low: Stages near the image.
        mid: Stages between these.
        high: Stages near the last features.
    """

    low: list[int]
    mid: list[int]
    high: list[int]

    @classmethod
    def of(cls, stages: int) -> "Depths":
        """Divide ``stages`` stages into low, middle and high ones.

        Examples:
            >>> Depths.of(7)
            Depths(low=[0, 1], mid=[2, 3, 4], high=[5, 6])
        """
        outer = max(1, round(stages * 2 / 7))
        numbers = list(range(stages))
        return cls(numbers[:outer], numbers[outer : stages - outer], numbers[stages - outer :])


class MultiscalePooling(Pooling):
    """Pooling of the feature maps of all stages of a network into named groups of columns.

    - ``head``: mean and standard deviation over positions of the last features.
    - ``high``, ``mid``, ``low``: the same for the stages of each depth (see `Depths`).
    - ``covariance``: covariances of channels over positions, which represent texture (Gatys et al. 2015,
      arXiv 1505.07376), for the last low stage and each middle stage. More than 40 channels are first mapped to 40 by a
      fixed random matrix, N(0, 1) / √C.
    - ``layout``: means of the cells of a 3 × 2 grid over the first and the last middle stage.
    - ``composition``: the same over the last stage of the network.

    Use it with a frozen backbone: ``experiment=head`` and ``experiment=best`` do.
    """

    depths: Depths | None = None

    def stages(self, model: Any) -> tuple[list[int], dict[str, Any]]:
        """Return every stage except the stem; see `Pooling`.

        EfficientNets and related networks have several stages of one resolution; by default timm returns only the last
        of them.
        """
        found = inspect.signature(model.forward_intermediates).parameters
        if "extra_blocks" in found:
            return list(range(1, len(model.blocks) + 1)), {"extra_blocks": True}
        return list(range(len(model.feature_info))), {}

    def _create(self, channels: Sequence[int], device: torch.device) -> Depths:
        """Create the random matrices for stages of so many channels, starting at the image."""
        self.depths = Depths.of(len(channels))
        self._textured = [self.depths.low[-1], *self.depths.mid]
        for stage in self._textured:
            matrix = torch.empty(0)
            if channels[stage] > COVARIANCE_CHANNELS:
                generator = torch.Generator().manual_seed(channels[stage])
                matrix = torch.randn(channels[stage], COVARIANCE_CHANNELS, generator=generator) / channels[stage] ** 0.5
            self.register_buffer(f"mix{stage}", matrix.to(device))
        return self.depths

    def forward(self, last: Tensor, maps: Maps) -> dict[str, Tensor]:
        """Compute the groups; see `Pooling`."""
        stages = maps.stages
        depths = self.depths or self._create([stage.shape[1] for stage in stages], last.device)

        def moments_of(which: Sequence[int]) -> Tensor:
            return torch.cat([part for stage in which for part in moments(stages[stage].float())], dim=1)

        def texture_of(stage: int) -> Tensor:
            matrix: Tensor = getattr(self, f"mix{stage}")
            return covariances(stages[stage].float(), matrix if matrix.numel() else None)

        mid = depths.mid
        ends = [mid[0], mid[-1]] if len(mid) > 1 else mid
        return {
            "head": torch.cat(moments(last.float()), dim=1),
            "high": moments_of(depths.high),
            "mid": moments_of(mid),
            "low": moments_of(depths.low),
            "covariance": torch.cat([texture_of(stage) for stage in self._textured], dim=1),
            "layout": torch.cat([grid_means(stages[stage].float(), GRID) for stage in ends], dim=1),
            "composition": grid_means(stages[-1].float(), GRID),
        }
