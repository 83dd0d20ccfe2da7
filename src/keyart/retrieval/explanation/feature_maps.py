"""What a network saw of a poster: its maps, as a flat list of tensors, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from keyart.models.backbone import Backbone, Maps
from keyart.models.pooling import COLOUR_BINS, to_map
from keyart.models.precision import autocast_for
from keyart.retrieval.explanation.resample import spread


@dataclass(frozen=True)
class Seen:
    """How the maps of each of a backbone's views lie in a flat list.

    Attributes:
        stages: How many stages each view has.
        colours: Whether each view has a colour histogram.
        views: How many views there are.
        mirrored: Whether the last view is the poster's mirror image.
    """

    stages: int
    colours: bool
    views: int
    mirrored: bool

    @property
    def width(self) -> int:
        """Tensors a view."""
        return 1 + self.stages + self.colours

    def of_views(self, tensors: Sequence[Tensor]) -> list[Maps]:
        """The maps of each view, from the flat list."""
        views = [tensors[at : at + self.width] for at in range(0, len(tensors), self.width)]
        return [Maps(v[0], tuple(v[1 : 1 + self.stages]), v[-1] if self.colours else None) for v in views]


def look(backbone: Backbone, image: Tensor, precision: str) -> tuple[Seen, list[Tensor]] | None:
    """The maps of a poster, or None where the network's last features are no tensor.

    Args:
        backbone: In evaluation mode.
        image: (3, H, W) in [0, 1].
        precision: In which the network computes; the maps are float32.
    """
    with torch.no_grad(), autocast_for(image.device, precision):
        found = [backbone.look(view) for view in backbone.views(image[None])]
    if not all(isinstance(maps.final, Tensor) for maps in found):
        return None
    first = found[0]
    told = Seen(len(first.stages), first.colours is not None, len(found), backbone.flip_average)
    flat = [[maps.final, *maps.stages, *([maps.colours] if maps.colours is not None else [])] for maps in found]
    return told, [tensor[0].float() for view in flat for tensor in view]


def features(backbone: Backbone, seen: Seen, tensors: Sequence[Tensor]) -> Tensor:
    """(P, D) what the backbone makes of P sets of maps."""
    parts = backbone.join([backbone.pool(maps) for maps in seen.of_views(tensors)])
    return torch.cat(list(parts.values()), dim=1)


def place(
    backbone: Backbone,
    seen: Seen,
    image: Tensor,
    parts: Sequence[Tensor],
    ways: Sequence[Tensor],
    grid: tuple[int, int],
) -> tuple[Tensor, float]:
    """The shares of the numbers of maps, where on the poster they are from.

    Args:
        backbone: What made the maps.
        seen: How they lie.
        image: (3, H, W) the poster.
        parts: The shares, shaped as the maps.
        ways: The maps less those of the baseline.
        grid: (rows, columns) of the result.

    Returns:
        (rows, columns) float64, and the share of what has no place, such as a class token.
    """
    total, unplaced = torch.zeros(grid, dtype=torch.float64), 0.0
    tokens = getattr(backbone.model, "num_prefix_tokens", 0)
    for view, (maps, way) in enumerate(zip(seen.of_views(parts), seen.of_views(ways), strict=True)):
        own_grid = (int(maps.stages[-1].shape[1]), int(maps.stages[-1].shape[2])) if maps.stages else None
        last = to_map(maps.final[None], backbone.model.num_features, tokens, own_grid)[0].sum(dim=0)
        if tokens:
            unplaced += float(maps.final.sum() - last.sum())
        here = [last, *(stage.sum(dim=0) for stage in maps.stages)]
        mirrored = seen.mirrored and view == seen.views - 1
        if maps.colours is not None:
            assert way.colours is not None
            here.append(_colour_parts(image.flip(2) if mirrored else image, maps.colours, way.colours))
        placed = torch.stack([spread(one, grid) for one in here]).sum(dim=0)
        total += placed.flip(1) if mirrored else placed
    return total, unplaced


def _colour_parts(image: Tensor, parts: Tensor, ways: Tensor) -> Tensor:
    """(H, W) the shares of a colour histogram's bins, at the pixels whose mean a histogram is."""
    slopes = torch.where(ways.abs() > 1e-9, parts / ways, 0.0).view(3, COLOUR_BINS)
    own = image.flatten(1).double()
    # A pixel of 1.0 belongs to the last bin.
    at = (own * COLOUR_BINS).long().clamp(max=COLOUR_BINS - 1)
    held = slopes.gather(1, at).sum(dim=0)
    histogram = torch.stack([torch.bincount(row, minlength=COLOUR_BINS) for row in at]) / own.shape[1]
    before = histogram - ways.view(3, COLOUR_BINS)
    return ((held - (slopes * before).sum()) / own.shape[1]).view(image.shape[1:])
