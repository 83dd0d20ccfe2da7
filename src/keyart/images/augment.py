"""Augmentation of whole batches on their device, with separate random parameters for each poster."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keyart.errors import InputError
from keyart.images.buffer_pool import empty_floats
from keyart.images.counter_rng import uniforms

PRESETS: dict[str, dict[str, float]] = {
    "none": {},
    "light": {"flip": 0.5, "zoom": 0.85, "brightness": 0.15, "contrast": 0.15, "saturation": 0.15},
    "medium": {
        "flip": 0.5, "zoom": 0.75, "rotation": 4, "brightness": 0.25, "contrast": 0.25, "saturation": 0.3,
        "hue": 10, "grey": 0.05, "erase": 0.2,
    },
    "strong": {
        "flip": 0.5, "zoom": 0.6, "rotation": 8, "brightness": 0.4, "contrast": 0.4, "saturation": 0.5,
        "hue": 20, "grey": 0.1, "erase": 0.4, "blur": 0.3,
    },
}  # fmt: skip
"""Arguments of `Augment` for each strength."""

_LUMA = (0.299, 0.587, 0.114)
_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
_DRAWS = 16
_ERASED_AREA = (0.02, 0.15)


@dataclass(frozen=True)
class _Plan:
    """Augmentation parameters of B posters."""

    columns: Tensor  # (B, 1, W) complex
    rows: Tensor  # (B, H, 1) complex; rows + columns = x + iy, each view pixel's position in the poster, in [-1, 1]
    colour: Tensor  # (B, 3, 4) map from (R, G, B, 1) in [0, 255] to the view's colours in [0, 1]
    blur: Tensor  # (B, 1, 1, 1) weight of the mean of 3×3 pixels
    erased: Tensor  # (B, 4) top, bottom, left, right as fractions; nothing is erased if top = bottom
    fill: Tensor  # (B, 3) colour of the erased rectangle


class Augment(nn.Module):
    """Random augmentation with small changes of geometry, light and colour, so that posters remain recognisable.

    The parameters of each poster are a pure function of (seed, epoch, key). They do not depend on the batch, the device
    or earlier draws. A view is computed with one bilinear resampling (flip, crop and rotation combined; reflection at
    the edges) and one affine map of its colours (brightness, contrast about the poster's mean luma, saturation and hue
    combined; the hue rotates in YIQ).

    Args:
        flip: Probability of a horizontal flip.
        zoom: Minimum side of the random crop, as a fraction of the poster's side, in (0, 1]; the aspect ratio is kept.
        rotation: Maximum angle in degrees, in either direction.
        brightness: Maximum relative change.
        contrast: Maximum relative change.
        saturation: Maximum relative change.
        hue: Maximum rotation of the hue in degrees, in either direction.
        grey: Probability of a conversion to grey.
        erase: Probability that a rectangle (2–15% of the poster's area) is replaced by the poster's mean colour.
        blur: Probability of a slight blur (interpolation towards the mean of 3×3 pixels).

    Raises:
        InputError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        flip: float = 0.0,
        zoom: float = 1.0,
        rotation: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        grey: float = 0.0,
        erase: float = 0.0,
        blur: float = 0.0,
    ) -> None:
        super().__init__()
        limits = {
            "flip": (flip, 1), "brightness": (brightness, 1), "contrast": (contrast, 1), "saturation": (saturation, 1),
            "grey": (grey, 1), "erase": (erase, 1), "blur": (blur, 1), "rotation": (rotation, 180), "hue": (hue, 180),
        }  # fmt: skip
        for name, (value, most) in limits.items():
            if not 0 <= value <= most:
                raise InputError(f"augment.{name}={value}: give a number from 0 to {most}")
        if not 0 < zoom <= 1:
            raise InputError(f"augment.zoom={zoom}: give a number above 0, at most 1")
        self.flip, self.zoom, self.rotation = flip, zoom, rotation
        self.brightness, self.contrast, self.saturation, self.hue, self.grey = (
            brightness,
            contrast,
            saturation,
            hue,
            grey,
        )
        self.erase, self.blur = erase, blur
        self._moves = bool(flip or rotation or zoom < 1)
        self._tints = bool(brightness or contrast or saturation or hue or grey)
        to_yiq = torch.tensor(_TO_YIQ, dtype=torch.float64)
        self.register_buffer("_to_yiq", to_yiq.float(), persistent=False)
        self.register_buffer("_from_yiq", torch.linalg.inv(to_yiq).float(), persistent=False)
        self.register_buffer("_luma", torch.tensor(_LUMA), persistent=False)
        self._to_yiq: Tensor
        self._from_yiq: Tensor
        self._luma: Tensor

    @classmethod
    def preset(cls, strength: str) -> "Augment":
        """Create an augmentation from `PRESETS`.

        Raises:
            InputError: The strength is unknown.
        """
        if strength not in PRESETS:
            raise InputError(f"augment.strength={strength}: use {', '.join(PRESETS)}")
        return cls(**PRESETS[strength])

    def extra_repr(self) -> str:
        """Return the arguments that differ from their defaults, as text for ``repr``."""
        return ", ".join(f"{name}={value}" for name, value in self.arguments().items())

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that differ from their defaults."""
        names = ("flip", "rotation", "brightness", "contrast", "saturation", "hue", "grey", "erase", "blur")
        record = {name: getattr(self, name) for name in names if getattr(self, name)}
        return record | ({"zoom": self.zoom} if self.zoom < 1 else {})

    @torch.no_grad()
    def forward(self, pixels: Tensor, keys: Tensor, seed: int, epoch: int) -> Tensor:
        """Compute one augmented view of each poster.

        Args:
            pixels: (B, H, W, 3) uint8 RGB.
            keys: (B,) int64 on the same device: a key that identifies each poster (see `text_keys`).
            seed: The run's seed.
            epoch: The epoch; each epoch gives different views.

        Returns:
            (B, 3, H, W) float32 in [0, 1].
        """
        if not (self._moves or self._tints or self.erase or self.blur):
            return self.to_float(pixels)
        count, height, width, _ = pixels.shape
        drawn = self._draw_parameters(uniforms(keys, seed, epoch, _DRAWS), _mean(pixels), height, width)
        views = empty_floats((count, 3, height, width), pixels.device)
        # One poster per thread at a time, so that intermediate results stay in each core's cache.
        piece = torch.get_num_threads() if pixels.device.type == "cpu" else max(count, 1)
        source = pixels.new_ones((min(piece, count), 4, height, width), dtype=torch.float32)
        for start in range(0, count, piece):
            part = slice(start, start + piece)
            cut = _Plan(*(getattr(drawn, name)[part] for name in _Plan.__dataclass_fields__))
            self._view(pixels[part], cut, source, views[part])
        return views

    @staticmethod
    def to_float(pixels: Tensor) -> Tensor:
        """Convert posters to floats without augmentation.

        Args:
            pixels: (B, H, W, 3) uint8.

        Returns:
            (B, 3, H, W) float32 in [0, 1], channels last in memory.
        """
        count, height, width, channels = pixels.shape
        images = empty_floats((count, height, width, channels), pixels.device)
        # On a CPU, a combined conversion and division takes seven times as long as two separate operations.
        created = images.copy_(pixels).div_(255) if pixels.device.type == "cpu" else torch.div(pixels, 255, out=images)
        return created.permute(0, 3, 1, 2)

    def _draw_parameters(self, drawn: Tensor, mean: Tensor, height: int, width: int) -> _Plan:
        """Map (B, 16) uniform numbers to augmentation parameters of B posters with mean colours (B, 3)."""
        flip, zoom, right, down, turn, *rest = drawn.unbind(1)
        bright, contrast, saturation, hue, grey, erase, area, aspect, left, top, blur = rest

        def around(centre: float, spread: float, u: Tensor) -> Tensor:
            return centre + spread * (2 * u - 1)

        side = 1 - (1 - self.zoom) * zoom
        mirror = torch.where(flip < self.flip, -1.0, 1.0)
        angle = around(0, math.radians(self.rotation), turn)
        cosine, sine = side * angle.cos(), side * angle.sin()
        shape = height / width
        start = torch.complex((1 - side) * (2 * right - 1), (1 - side) * (2 * down - 1))
        across = torch.complex(cosine * mirror, sine * mirror / shape)
        along = torch.complex(-sine * shape, cosine)

        gain = around(1, self.brightness, bright)
        span = around(1, self.contrast, contrast)
        chroma = torch.where(grey < self.grey, 0.0, around(1, self.saturation, saturation))
        eye = torch.eye(3, device=drawn.device)
        saturate = chroma[:, None, None] * eye + (1 - chroma)[:, None, None] * self._luma
        colour = (gain * span)[:, None, None] * (saturate @ self._hue_matrix(around(0, math.radians(self.hue), hue)))
        shift = (gain * (1 - span) * (mean * self._luma).sum(1))[:, None, None].expand(-1, 3, 1)

        low, high = _ERASED_AREA
        share = torch.where(erase < self.erase, low + (high - low) * area, 0.0)
        stretch = torch.exp(around(0, math.log(2), aspect))
        tall, wide = (share * stretch).sqrt(), (share / stretch).sqrt()
        top, left = top * (1 - tall), left * (1 - wide)
        return _Plan(
            columns=(across[:, None] * _centres(width, drawn.device) + start[:, None])[:, None],
            rows=(along[:, None] * _centres(height, drawn.device))[:, :, None],
            colour=torch.cat([colour, shift], 2) / 255,
            blur=torch.where(blur < self.blur, blur / max(self.blur, 1e-9), 0.0)[:, None, None, None],
            erased=torch.stack([top, top + tall, left, left + wide], 1),
            fill=((torch.bmm(colour, mean[:, :, None]) + shift)[:, :, 0] / 255).clamp_(0, 1),
        )

    def _hue_matrix(self, angle: Tensor) -> Tensor:
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        turn = torch.stack([zero + 1, zero, zero, zero, cosine, -sine, zero, sine, cosine], 1).view(-1, 3, 3)
        return self._from_yiq @ turn @ self._to_yiq

    def _view(self, pixels: Tensor, drawn: _Plan, source: Tensor, out: Tensor) -> None:
        """Write the views of a few posters to ``out`` (B, 3, H, W); the fourth channel of ``source`` is 1."""
        count, height, width, _ = pixels.shape
        source = source[:count]
        source[:, :3].copy_(pixels.permute(0, 3, 1, 2))
        images = torch.bmm(drawn.colour, source.view(count, 4, -1)).view(count, 3, height, width)
        if self._moves:
            grid = torch.view_as_real(drawn.columns + drawn.rows)
            images = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        if self.blur and _some(drawn.blur):
            soft = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
            images = images.lerp(soft, drawn.blur)
        torch.clamp(images, 0, 1, out=out)
        if self.erase and _some(drawn.erased[:, 1] - drawn.erased[:, 0]):
            rows = (torch.arange(height, device=out.device) + 0.5) / height
            columns = (torch.arange(width, device=out.device) + 0.5) / width
            top, bottom, left, right = drawn.erased[..., None].unbind(1)
            inside = ((rows >= top) & (rows < bottom))[:, None, :, None] & ((columns >= left) & (columns < right))[
                :, None, None
            ]
            torch.where(inside, drawn.fill[:, :, None, None], out, out=out)


def _mean(pixels: Tensor) -> Tensor:
    """Return approximate mean colours (B, 3) of posters (B, H, W, 3), from every fourth row and column."""
    sample = pixels[:, ::4, ::4]
    # An integer sum does not depend on the order, so it is the same on every device.
    return sample.sum((1, 2), dtype=torch.int64).float() / (sample.shape[1] * sample.shape[2])


def _centres(count: int, device: torch.device) -> Tensor:
    """Return the centres of ``count`` pixels as coordinates between -1 and 1."""
    return (torch.arange(count, device=device) + 0.5) * (2 / count) - 1


def _some(amounts: Tensor) -> bool:
    """Return whether any amount is not zero; always True on a GPU, where the answer needs a synchronisation."""
    return amounts.device.type != "cpu" or bool(amounts.any())
