"""The interface of all poolings."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from keyart.errors import InputError

#: First and last column + 1 of each group of features.
Groups = dict[str, tuple[int, int]]


class Maps(NamedTuple):
    """Feature maps of a network for a batch of images, before any pooling.

    Attributes:
        final: The last features, in the layout of the architecture (see `to_map`).
        stages: (B, C, H, W) each, the stages that the pooling uses; empty if it uses none.
        colours: (B, 24) colour histograms of the images; None if the pooling uses none.
    """

    final: Any
    stages: tuple[Tensor, ...]
    colours: Tensor | None


class Pooling(nn.Module, ABC):
    """Base class of poolings: named groups of columns from the feature maps of a network."""

    colours: ClassVar[bool] = False
    """Whether it uses the colour histograms of the images."""

    def stages(self, model: Any) -> tuple[list[int], dict[str, Any]]:
        """Return the indices of timm's intermediate features to use, and the keywords that request them.

        Args:
            model: A timm model that has ``forward_intermediates`` and ``feature_info``.
        """
        return [], {}

    @abstractmethod
    def forward(self, last: Tensor, maps: Maps) -> dict[str, Tensor]:
        """Compute the groups, each (B, width) float32.

        Args:
            last: (B, C, H, W) float32, the last features.
            maps: All that the network computed.
        """

    def requested_stages(self, model: Any, name: str, kind: str) -> tuple[list[int], dict[str, Any]]:
        """Return `stages`, if the network shows its intermediate features."""
        if type(self).stages is Pooling.stages:
            return [], {}
        if not hasattr(model, "forward_intermediates"):
            raise InputError(
                f"model.pooling={kind}: timm's {name} does not show its intermediate features; set model.pooling=avg"
            )
        return self.stages(model)
