"""Projection of groups of features to one scale and fewer coordinates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keyart.errors import InputError
from keyart.models.heads.base import ROWS
from keyart.models.heads.standardise import column_moments
from keyart.models.poolings.base import Groups

CLIP = 6.0
#: Maximum number of training posters that a projection is fitted on: the cost grows with its cube.
FIT_ROWS = 8192


class Projection(nn.Module):
    """Projection of standardised, balanced groups of columns onto their principal axes.

    1. Subtract each column's mean, divide by its standard deviation plus 1/1000 of that of its group, and clip to ±6.
    2. Divide each group by the square root of its width, so that all groups contribute equally to a distance.
    3. Compute the coordinates on the first principal axes of the training posters, each times (λ / λ₁)^(−power / 2).
       Power 0 keeps distances (principal component analysis); 1 gives all coordinates the same variance (whitening).
       Values between raise fine differences, which are weak in backbones' features.
    4. With ``rotate``, apply a fixed random rotation. It changes no distance, but gives each coordinate the same share
       of all axes. Adam takes equal steps along each coordinate; on principal axes it would learn from the weakest,
       mostly noise, as fast as from the strongest.

    Args:
        groups: Columns [start, stop) of each group.
        components: Number of coordinates. At most one fewer than the number of training posters are used; the rest stay
            0 (unless rotated).
        power: From 0 to 1.
        rotate: See above.

    Raises:
        InputError: A number is out of range.
    """

    mean: Tensor
    weight: Tensor
    centre: Tensor
    axes: Tensor

    def __init__(self, groups: Groups, components: int, power: float = 0.0, rotate: bool = False) -> None:
        super().__init__()
        self.groups = {name: (int(start), int(stop)) for name, (start, stop) in groups.items()}
        width = sum(stop - start for start, stop in self.groups.values())
        if not 1 <= components < width:
            raise InputError(f"model.components={components}: must be from 1 to {width - 1}, below the features' width")
        if not 0 <= power <= 1:
            raise InputError(f"model.frozen_features.power={power}: must be from 0 to 1")
        self.components, self.power, self.rotate = components, power, rotate
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("weight", torch.ones(width))
        self.register_buffer("centre", torch.zeros(components))
        self.register_buffer("axes", torch.zeros(width, components))

    def forward(self, features: Tensor) -> Tensor:
        """Project (N, D) to (N, `components`)."""
        return self._balanced(features) @ self.axes - self.centre

    def _balanced(self, features: Tensor) -> Tensor:
        """Apply steps 1 and 2, (N, D) to (N, width)."""
        done, out = 0, []
        for start, stop in self.groups.values():
            here = slice(done, done + stop - start)
            z = (features[:, start:stop] - self.mean[here]) * self.weight[here]
            out.append(z.clamp(-CLIP, CLIP) / (stop - start) ** 0.5)
            done = here.stop
        return torch.cat(out, dim=1)

    @torch.no_grad()
    def fit(self, features: Tensor | np.ndarray) -> None:
        """Fit means, scales and axes to training features.

        Args:
            features: (N, D); may be memory-mapped. Of more than 8,192 rows, that many evenly spaced ones are used.
        """
        if len(features) > FIT_ROWS:
            features = features[np.linspace(0, len(features) - 1, FIT_ROWS).astype(np.int64)]
        columns = [_columns(features, span) for span in self.groups.values()]
        means, weights = zip(*(_scales(some) for some in columns), strict=True)
        self.mean.copy_(torch.cat(means))
        self.weight.copy_(torch.cat(weights))
        z = torch.cat([self._balanced(_rows(features, at)) for at in range(0, len(features), ROWS)])
        middle = z.mean(dim=0)
        z -= middle
        strengths, vectors = torch.linalg.eigh(z @ z.T)
        kept = min(self.components, len(z) - 1)
        strengths, vectors = strengths.flip(0)[:kept], vectors.flip(1)[:, :kept]
        # Directions without any variance would be divided by rounding errors.
        alive = strengths > 1e-6 * strengths[0].clamp(min=1e-12)
        lifted = torch.where(alive, strengths / strengths[0], 1.0) ** (-self.power / 2)
        scale = torch.where(alive, lifted / strengths.clamp(min=1e-12).sqrt(), 0.0)
        self.axes.zero_()
        self.axes[:, :kept] = z.T @ (vectors * scale)
        if self.rotate:
            self.axes.copy_(self.axes @ random_rotation(self.components).to(self.axes.device))
        self.centre.copy_(middle @ self.axes)

    def describe(self) -> dict[str, Any]:
        """Return the arguments that rebuild it (without weights), as plain values."""
        groups = {name: list(span) for name, span in self.groups.items()}
        record = {"groups": groups, "components": self.components, "power": self.power}
        return record | {"rotate": True} if self.rotate else record


def random_rotation(size: int) -> Tensor:
    """Return a random orthogonal matrix (size, size), always the same for a size."""
    generator = torch.Generator().manual_seed(size)
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


def _scales(columns: Sequence[Any] | np.ndarray | Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the inverse scale of each column of a group."""
    mean, std = column_moments(columns)  # type: ignore[arg-type]
    # The standard deviation of all numbers in the group: added so that a nearly constant column is not amplified.
    whole = (std.square() + (mean - mean.mean()).square()).mean().sqrt()
    return mean.float(), (1 / (std + 1e-3 * whole + 1e-8)).float()


def _columns(features: Tensor | np.ndarray, span: tuple[int, int]) -> Tensor | np.ndarray:
    return features[:, span[0] : span[1]]


def _rows(features: Tensor | np.ndarray, start: int) -> Tensor:
    rows = features[start : start + ROWS]
    return rows.float() if isinstance(rows, Tensor) else torch.from_numpy(rows.astype(np.float32))
