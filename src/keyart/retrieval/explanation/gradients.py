"""Integrated gradients: the attribution of each input to a score, relative to a baseline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CHUNK = 8
"""Number of points of the path that are computed in one batch."""


@dataclass(frozen=True, eq=False)
class Attributions:
    """Attributions of all input elements to a score.

    Attributes:
        attributions: Attributions, with the shapes of the inputs, float64.
        score: Score at the inputs.
        baseline: Score at the baseline.
        points: Number of points of the path at which gradients were computed.
    """

    attributions: list[Tensor]
    score: float
    baseline: float
    points: int

    @property
    def residual(self) -> float:
        """Completeness error: ``score - baseline`` minus the sum of the attributions."""
        return self.score - self.baseline - sum(float(part.sum()) for part in self.attributions)


def integrated_gradients(
    score: Callable[[list[Tensor]], Tensor],
    inputs: Sequence[Tensor],
    baseline: Sequence[Tensor],
    *,
    tolerance: float = 1e-3,
    first: int = 16,
    most: int = 256,
) -> Attributions:
    """Compute integrated gradients of a score (Sundararajan et al. 2017, arXiv 1703.01365, equation 1).

    The attribution of input i is (xᵢ − bᵢ) ∫₀¹ ∂score(b + t (x − b)) / ∂xᵢ dt. All attributions sum to
    score(x) − score(b) (completeness). The integral is computed by Gauss–Legendre quadrature. The number of points
    doubles until the completeness error is at most ``tolerance`` or there are ``most`` points.

    Args:
        score: Maps inputs with a leading dimension P to (P,) scores; each score depends on its own row only.
        inputs: x, float32.
        baseline: b, with the same shapes.
        tolerance: Largest accepted completeness error.
        first: Initial number of points.
        most: Maximum number of points.
    """
    with torch.no_grad():
        ends = score([torch.stack(pair) for pair in zip(baseline, inputs, strict=True)]).double()
    points = first
    while True:
        found = Attributions(_parts(score, inputs, baseline, points), float(ends[1]), float(ends[0]), points)
        if abs(found.residual) <= tolerance or points >= most:
            return found
        points *= 2


def _parts(
    score: Callable[[list[Tensor]], Tensor], inputs: Sequence[Tensor], baseline: Sequence[Tensor], points: int
) -> list[Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    differences = [x - b for x, b in zip(inputs, baseline, strict=True)]
    slopes = [torch.zeros_like(x, dtype=torch.float64) for x in inputs]
    for start in range(0, points, CHUNK):
        at, share = (torch.as_tensor(some[start : start + CHUNK] / 2) for some in (nodes + 1, weights))
        here = [
            (b + at.to(b).view(-1, *[1] * b.ndim) * difference).requires_grad_()
            for b, difference in zip(baseline, differences, strict=True)
        ]
        values = (score(here) * share.to(inputs[0])).sum()
        for slope, gradient in zip(slopes, torch.autograd.grad(values, here, allow_unused=True), strict=True):
            if gradient is not None:
                slope += gradient.double().sum(dim=0)
    return [slope * difference.double() for slope, difference in zip(slopes, differences, strict=True)]
