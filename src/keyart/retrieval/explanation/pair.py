"""Explanation of a pair: which regions of two posters contribute to their similarity."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from keyart.models.backbone import Backbone
from keyart.models.embedder import Embedder
from keyart.models.heads.linear import LinearHead
from keyart.models.heads.reduced import ReducedHead
from keyart.models.pooling import to_map
from keyart.retrieval.explanation.feature_maps import MapLayout, by_network, features, map_features, place
from keyart.retrieval.explanation.gradients import integrated_gradients
from keyart.retrieval.explanation.resampling import resample

Method = Literal["sum over positions", "integrated gradients over feature maps", "integrated gradients over pixels"]
CELL = 8
"""Side of a heat map's cell in pixels."""


@dataclass(frozen=True, eq=False)
class PosterAttribution:
    """Attributions of a similarity to the regions of one poster.

    ``similarity = baseline + attributions.sum() + non_spatial + approximation_error``.

    Attributes:
        attributions: (rows, columns) float64, contribution of each cell of the poster to the similarity; negative if
            the cell lowers it.
        baseline: The part that does not depend on the poster: see `Explanation.baseline_is`.
        non_spatial: The attribution of features without a position, such as a class token; mostly 0.
        approximation_error: The error of rounding, or of numerical integration.
    """

    attributions: np.ndarray
    baseline: float
    non_spatial: float
    approximation_error: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """Explanation of the similarity of two posters.

    Attributes:
        similarity: Cosine of their embeddings.
        method: How the attributions were computed.
        baseline_is: Definition of the shares' ``baseline``.
        shares: Shares of the first and the second poster. Each explains the whole similarity, with the other poster
            held fixed.
        points: Number of points at which gradients were computed, the larger of the two; 0 for a sum over positions.
    """

    similarity: float
    method: Method
    baseline_is: str
    shares: tuple[PosterAttribution, PosterAttribution]
    points: int = 0


class AveragePoster:
    """The mean of some posters, from which gradients are integrated; its feature maps are computed once.

    Args:
        images: (3, H, W) posters of the training split, in [0, 1].
    """

    def __init__(self, images: Sequence[Tensor]) -> None:
        self.images = images
        self._maps: list[Tensor] = []

    def maps(self, backbone: Backbone, precision: str) -> list[Tensor]:
        """Return the mean feature maps (see `map_features`) by the backbone of the first call."""
        if not self._maps:
            total: list[Tensor] = []
            for image in self.images:
                found = map_features(backbone, image, precision)
                assert found is not None
                total = [one + more for one, more in zip(total, found[1], strict=True)] if total else found[1]
            self._maps = [one / len(self.images) for one in total]
        return self._maps


def explain_pair(
    embedder: Embedder, pair: Sequence[Tensor], average: AveragePoster, *, precision: str = "fp32"
) -> Explanation:
    """Attribute the cosine similarity of two posters to the regions of each.

    Uses the first of three methods that applies:

    - *sum over positions*, exact: with a linear head over average-pooled maps, the embedding is a sum over positions,
      z = Σᵢⱼ W (Fᵢⱼ − μ) / (σ HW) + b, where μ and σ are those of the training posters. The cosine is then the sum of
      Σᵢⱼ zᵢⱼ·z′ / (|z||z′|) and the term of the bias, b·z′ / (|z||z′|) (Stylianou et al. 2019, arXiv 1901.00536).
    - *integrated gradients over feature maps*: all maps that the pooling reads move together from those of the average
      poster to the poster's own (`integrated_gradients`).
    - *integrated gradients over pixels*, from the average poster's: for networks that pool by a token.

    Args:
        embedder: The embedder, in evaluation mode.
        pair: Two (3, H, W) images in [0, 1].
        average: The average poster, for the same embedder in each call.
        precision: Precision of the network's computation where no gradient passes through it.
    """
    backbone = embedder.backbone
    height, width = pair[0].shape[1:]
    grid = (-(-height // CELL), -(-width // CELL))
    looks = [map_features(backbone, image, precision) for image in pair]
    first = looks[0]
    if first is None or not all(map(_has_positions, first[0], by_network(*first))):
        return _over_pixels(embedder, pair, average, grid)
    seen = first[0]
    maps = [found[1] for found in looks if found is not None]
    exact = _sum_over_positions(embedder, seen, maps, grid)
    return exact or _over_maps(embedder, seen, pair, maps, average, grid, precision)


def _has_positions(seen: MapLayout, maps: Sequence[Tensor]) -> bool:
    """Return whether a network's pooling reads maps, not tokens alone."""
    return maps[0].ndim == 3 or seen.stages > 0


@torch.no_grad()
def _sum_over_positions(
    embedder: Embedder, seen: Sequence[MapLayout], maps: Sequence[list[Tensor]], grid: tuple[int, int]
) -> Explanation | None:
    """Compute the exact attributions; None if the embedding is not a sum over positions."""
    backbone, head = embedder.backbone, embedder.head
    linear = head.head if isinstance(head, ReducedHead) else head
    network, *others = backbone.networks
    if not isinstance(linear, LinearHead) or network.added_pooling is not None or others:
        return None
    # The reduction is linear too, so the embedding is still a sum over positions.
    weight, bias = (head.reduce(some).double() for some in (linear.project.weight.T, linear.project.bias))
    placed, vectors = [], []
    for own in maps:
        pooled = features(backbone, seen, [own[0][None]])[0]
        last = to_map(own[0][None], network.model.num_features, 0)[0].double()
        # If the network normalises or activates after pooling, its features are not the mean over positions.
        if last.shape[0] != len(pooled) or not torch.allclose(last.mean((1, 2)).float(), pooled, rtol=1e-4, atol=1e-5):
            return None
        standard = (last - linear.standardise.mean.view(-1, 1, 1)) / linear.standardise.std.view(-1, 1, 1)
        each = torch.einsum("ce,chw->ehw", weight, standard) / last[0].numel()
        placed.append(each)
        vectors.append(each.sum((1, 2)) + bias)
    lengths = vectors[0].norm() * vectors[1].norm()
    similarity = float(nn.functional.cosine_similarity(*(head(features(backbone, seen, [m[0][None]])) for m in maps)))
    shares = []
    for each, other in zip(placed, reversed(vectors), strict=True):
        parts = resample(torch.einsum("ehw,e->hw", each, other) / lengths, grid).numpy()
        constant = float(bias @ other / lengths)
        shares.append(PosterAttribution(parts, constant, 0.0, similarity - constant - float(parts.sum())))
    return Explanation(similarity, "sum over positions", "the term of the head's bias", (shares[0], shares[1]))


def _over_maps(
    embedder: Embedder,
    seen: Sequence[MapLayout],
    pair: Sequence[Tensor],
    maps: Sequence[list[Tensor]],
    average: AveragePoster,
    grid: tuple[int, int],
    precision: str,
) -> Explanation:
    backbone = embedder.backbone
    baseline = average.maps(backbone, precision)

    def embed(inputs: list[Tensor]) -> Tensor:
        return embedder.from_features(features(backbone, seen, inputs))

    def placed(which: int, parts: list[Tensor]) -> tuple[Tensor, float]:
        differences = [x - b for x, b in zip(maps[which], baseline, strict=True)]
        return place(backbone, seen, pair[which], parts, differences, grid)

    text = f"the similarity of the average poster's maps (of {len(average.images)}) to the other poster"
    return _by_gradients("integrated gradients over feature maps", text, embed, maps, baseline, placed)


def _over_pixels(
    embedder: Embedder, pair: Sequence[Tensor], average: AveragePoster, grid: tuple[int, int]
) -> Explanation:
    def embed(inputs: list[Tensor]) -> Tensor:
        embeddings: Tensor = embedder(inputs[0])
        return embeddings

    def placed(which: int, parts: list[Tensor]) -> tuple[Tensor, float]:
        return resample(parts[0].sum(dim=0), grid), 0.0

    text = f"the similarity of the average poster's pixels (of {len(average.images)}) to the other poster"
    baseline = [torch.stack(list(average.images)).mean(dim=0)]
    inputs = [[image] for image in pair]
    return _by_gradients("integrated gradients over pixels", text, embed, inputs, baseline, placed, most=64)


def _by_gradients(
    method: Method,
    baseline_is: str,
    embed: Callable[[list[Tensor]], Tensor],
    inputs: Sequence[list[Tensor]],
    baseline: list[Tensor],
    placed: Callable[[int, list[Tensor]], tuple[Tensor, float]],
    most: int = 256,
) -> Explanation:
    """Compute each poster's attributions by integrated gradients, with the other poster's embedding held fixed.

    Args:
        method: Name of the method.
        baseline_is: Definition of the similarity at the baseline.
        embed: Maps inputs with a leading dimension P to (P, E) embeddings.
        inputs: Inputs of each poster.
        baseline: Baseline inputs, the same for both posters.
        placed: Maps a poster's number and the attributions of its inputs to (rows, columns) attributions and the sum of
            those without a position.
        most: Maximum number of points (see `integrated_gradients`).
    """
    with torch.no_grad():
        vectors = [embed([one[None] for one in own])[0] for own in inputs]
    similarity = float(vectors[0] @ vectors[1])
    shares, points = [], 0
    for which, (own, other) in enumerate(zip(inputs, reversed(vectors), strict=True)):

        def score(at: list[Tensor], other: Tensor = other) -> Tensor:
            return embed(at) @ other

        found = integrated_gradients(score, own, baseline, most=most)
        parts, unplaced = placed(which, found.attributions)
        rest = similarity - found.baseline - unplaced - float(parts.sum())
        shares.append(PosterAttribution(parts.numpy(), found.baseline, unplaced, rest))
        points = max(points, found.points)
    return Explanation(similarity, method, baseline_is, (shares[0], shares[1]), points)
