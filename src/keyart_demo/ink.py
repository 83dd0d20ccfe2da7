"""Laying ink on paper: gradients, masks, glows and shadows on Pillow images."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from keyart_demo.palette import Colour

Ink = Colour | Image.Image
Stops = Sequence[Colour]


@lru_cache(maxsize=256)
def _table(stops: tuple[Colour, ...]) -> list[int]:
    """A Pillow palette of 256 colours, interpolated between the stops."""
    at = np.linspace(0, 255, len(stops))
    channels = [np.interp(np.arange(256), at, channel) for channel in zip(*stops, strict=True)]
    return [int(level) for level in np.stack(channels, axis=1).round().ravel()]


def through(levels: Image.Image, stops: Stops) -> Image.Image:
    """Map an ``L`` image through a gradient: 0 becomes the first stop, 255 the last."""
    painted = Image.frombytes("P", levels.size, levels.tobytes())
    painted.putpalette(_table(tuple(stops)))
    return painted.convert("RGB")


def ramp(size: tuple[int, int], stops: Stops, angle: int = 0) -> Image.Image:
    """A linear gradient from top to bottom, turned counter-clockwise by ``angle`` degrees."""
    w, h = size
    if angle == 0:
        column = Image.linear_gradient("L").crop((0, 0, 1, 256)).resize((1, h), Image.Resampling.BILINEAR)
        return through(column, stops).resize(size, Image.Resampling.NEAREST)
    span = int(math.hypot(w, h)) + 2
    small = Image.linear_gradient("L").rotate(angle, Image.Resampling.BILINEAR)
    # The slope is drawn small: it is smooth, so that growing it costs nothing but time saved.
    reach = 128 / span
    box = (128 - w * reach, 128 - h * reach, 128 + w * reach, 128 + h * reach)
    return through(small.resize(size, Image.Resampling.BILINEAR, box=box), stops)


@lru_cache(maxsize=1)
def _disc_levels() -> Image.Image:
    return ImageChops.invert(Image.radial_gradient("L"))


def halo(size: tuple[int, int], at: tuple[float, float], radius: float, *, squash: float = 1.0) -> Image.Image:
    """An ``L`` mask that falls from 255 at ``at`` to 0 at ``radius`` pixels."""
    mask = Image.new("L", size, 0)
    # The levels of Image.radial_gradient reach zero at 128 pixels from the middle.
    w, h = max(2, round(2 * radius)), max(2, round(2 * radius * squash))
    small = (min(w, 256), min(h, 256))
    soft = _disc_levels().resize(small, Image.Resampling.BILINEAR).resize((w, h), Image.Resampling.BILINEAR)
    mask.paste(soft, (round(at[0] - w / 2), round(at[1] - h / 2)))
    return mask


def faded(mask: Image.Image, opacity: float) -> Image.Image:
    """The mask at ``opacity``."""
    return mask if opacity >= 1 else mask.point([round(level * opacity) for level in range(256)])


def lay(image: Image.Image, mask: Image.Image, ink: Ink, opacity: float = 1.0) -> None:
    """Print ``ink`` (a colour, or an image of the canvas's size) through ``mask``."""
    box = mask.getbbox()
    if box is None:
        return
    stencil = faded(mask.crop(box), opacity)
    if isinstance(ink, Image.Image):
        image.paste(ink.crop(box), box[:2], stencil)
    else:
        image.paste(ink, box, stencil)


def lay_ramp(image: Image.Image, mask: Image.Image, stops: Stops, opacity: float = 1.0, angle: int = 0) -> None:
    """Print a gradient that spans the mask's own bounding box."""
    box = mask.getbbox()
    if box is None:
        return
    size = (box[2] - box[0], box[3] - box[1])
    image.paste(ramp(size, stops, angle), box[:2], faded(mask.crop(box), opacity))


def soften(mask: Image.Image, radius: float) -> Image.Image:
    """A blurred mask, computed on a smaller one: the larger the radius, the smaller."""
    factor = max(1, min(8, int(radius / 2)))
    if factor == 1:
        return mask.filter(ImageFilter.BoxBlur(radius))
    w, h = mask.size
    small = mask.reduce(factor).filter(ImageFilter.GaussianBlur(radius / factor))
    return small.resize((w, h), Image.Resampling.BILINEAR)


def union(masks: Sequence[Image.Image]) -> Image.Image:
    """All that any of the masks covers."""
    whole = masks[0]
    for mask in masks[1:]:
        whole = ImageChops.lighter(whole, mask)
    return whole


def moved(mask: Image.Image, dx: float, dy: float) -> Image.Image:
    """The mask, moved by whole pixels, nothing wrapped round."""
    shifted = Image.new("L", mask.size, 0)
    shifted.paste(mask, (round(dx), round(dy)))
    return shifted


def glow(image: Image.Image, mask: Image.Image, colour: Colour, radius: float, strength: float = 1.0) -> None:
    """Light around a mask, added to what is there (screen)."""
    soft = soften(mask, radius)
    box = soft.getbbox()
    if box is None:
        return
    light = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), (0, 0, 0))
    light.paste(colour, (0, 0, *light.size), faded(soft.crop(box), strength))
    image.paste(ImageChops.screen(image.crop(box), light), box[:2])
