"""Feature maps of a poster as a flat list of tensors, their pooling, and their projection back to the poster."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from keyart.models.backbone import Backbone, TimmBackbone
from keyart.models.pooling import COLOUR_BINS, to_map
from keyart.models.poolings.base import Maps
from keyart.models.precision import autocast_for
from keyart.retrieval.explanation.resampling import resample


@dataclass(frozen=True)
class MapLayout:
    """Layout of the feature maps of all views of a network in a flat list.

    Attributes:
        stages: Number of stages per view.
        colours: Whether each view has a colour histogram.
        views: Number of views.
        mirrored: Whether the last view is the poster's mirror image.
    """

    stages: int
    colours: bool
    views: int
    mirrored: bool

    @property
    def width(self) -> int:
        """Number of tensors per view."""
        return 1 + self.stages + self.colours

    @property
    def size(self) -> int:
        """Number of tensors of all views."""
        return self.views * self.width

    def of_views(self, tensors: Sequence[Tensor]) -> list[Maps]:
        """Convert the flat list to the maps of each view."""
        views = [tensors[at : at + self.width] for at in range(0, len(tensors), self.width)]
        return [Maps(v[0], tuple(v[1 : 1 + self.stages]), v[-1] if self.colours else None) for v in views]


def map_features(backbone: Backbone, image: Tensor, precision: str) -> tuple[list[MapLayout], list[Tensor]] | None:
    """Compute the feature maps of a poster by each network; None if a network's last features are not one tensor.

    Args:
        backbone: The backbone, in evaluation mode.
        image: (3, H, W) in [0, 1].
        precision: Precision of the networks' computation; the maps are float32.
    """
    layouts: list[MapLayout] = []
    tensors: list[Tensor] = []
    for network in backbone.networks:
        if (own := _network_maps(network, image, precision)) is None:
            return None
        layouts.append(own[0])
        tensors += own[1]
    return layouts, tensors


def _network_maps(network: TimmBackbone, image: Tensor, precision: str) -> tuple[MapLayout, list[Tensor]] | None:
    with torch.no_grad(), autocast_for(image.device, precision):
        found = [network.feature_maps(view) for view in network.views(image[None])]
    if not all(isinstance(maps.final, Tensor) for maps in found):
        return None
    first = found[0]
    result = MapLayout(len(first.stages), first.colours is not None, len(found), network.flip_average)
    flat = [[maps.final, *maps.stages, *([maps.colours] if maps.colours is not None else [])] for maps in found]
    return result, [tensor[0].float() for view in flat for tensor in view]


def by_network(layouts: Sequence[MapLayout], tensors: Sequence[Tensor]) -> Iterator[Sequence[Tensor]]:
    """Yield the tensors of each network."""
    at = 0
    for layout in layouts:
        yield tensors[at : at + layout.size]
        at += layout.size


def features(backbone: Backbone, layouts: Sequence[MapLayout], tensors: Sequence[Tensor]) -> Tensor:
    """Pool P sets of feature maps to (P, D) features, as the backbone does."""
    pooled = []
    for network, layout, own in zip(backbone.networks, layouts, by_network(layouts, tensors), strict=True):
        parts = network.join([network.pool(maps) for maps in layout.of_views(own)])
        pooled.append(torch.cat(list(parts.values()), dim=1))
    return backbone.combine(pooled)


def place(
    backbone: Backbone,
    layouts: Sequence[MapLayout],
    image: Tensor,
    parts: Sequence[Tensor],
    differences: Sequence[Tensor],
    grid: tuple[int, int],
) -> tuple[Tensor, float]:
    """Project attributions of feature maps onto the poster.

    Args:
        backbone: The backbone that computed the maps.
        layouts: Layout of the maps of each network.
        image: (3, H, W) the poster.
        parts: Attributions, with the shapes of the maps.
        differences: The maps minus those of the baseline.
        grid: (rows, columns) of the result.

    Returns:
        (rows, columns) float64, and the sum of the attributions without a position, such as those of a class token.
    """
    each = zip(by_network(layouts, parts), by_network(layouts, differences), strict=True)
    placed = [
        _place_network(network, layout, image, *own, grid)
        for network, layout, own in zip(backbone.networks, layouts, each, strict=True)
    ]
    return torch.stack([total for total, _ in placed]).sum(dim=0), sum(unplaced for _, unplaced in placed)


def _place_network(
    network: TimmBackbone,
    seen: MapLayout,
    image: Tensor,
    parts: Sequence[Tensor],
    differences: Sequence[Tensor],
    grid: tuple[int, int],
) -> tuple[Tensor, float]:
    """Project the attributions of one network's maps; see `place`."""
    total, unplaced = torch.zeros(grid, dtype=torch.float64), 0.0
    tokens = getattr(network.model, "num_prefix_tokens", 0)
    for view, (maps, difference) in enumerate(zip(seen.of_views(parts), seen.of_views(differences), strict=True)):
        own_grid = (int(maps.stages[-1].shape[1]), int(maps.stages[-1].shape[2])) if maps.stages else None
        last = to_map(maps.final[None], network.model.num_features, tokens, own_grid)[0].sum(dim=0)
        if tokens:
            unplaced += float(maps.final.sum() - last.sum())
        here = [last, *(stage.sum(dim=0) for stage in maps.stages)]
        mirrored = seen.mirrored and view == seen.views - 1
        if maps.colours is not None:
            assert difference.colours is not None
            here.append(_colour_parts(image.flip(2) if mirrored else image, maps.colours, difference.colours))
        placed = torch.stack([resample(one, grid) for one in here]).sum(dim=0)
        total += placed.flip(1) if mirrored else placed
    return total, unplaced


def _colour_parts(image: Tensor, parts: Tensor, differences: Tensor) -> Tensor:
    """Return (H, W) attributions of pixels, from those of the histogram bins: a histogram is the mean over pixels."""
    slopes = torch.where(differences.abs() > 1e-9, parts / differences, 0.0).view(3, COLOUR_BINS)
    own = image.flatten(1).double()
    # A pixel value of 1.0 belongs to the last bin.
    at = (own * COLOUR_BINS).long().clamp(max=COLOUR_BINS - 1)
    held = slopes.gather(1, at).sum(dim=0)
    histogram = torch.stack([torch.bincount(row, minlength=COLOUR_BINS) for row in at]) / own.shape[1]
    before = histogram - differences.view(3, COLOUR_BINS)
    return ((held - (slopes * before).sum()) / own.shape[1]).view(image.shape[1:])
