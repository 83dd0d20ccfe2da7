"""Titles in ink: the effects that a title is printed with, and an ink that can be read on its ground."""

import random
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageStat

from keyart_demo.ink import glow, lay, lay_ramp, moved
from keyart_demo.palette import BLACK, WHITE, Colour, contrast, mix
from keyart_demo.stage import Stage
from keyart_demo.texture import worn
from keyart_demo.typography import thickened, thinned


@dataclass(frozen=True)
class Ground:
    """What lies under some words: a mean colour, and a dark and a light one that it mostly stays between."""

    mean: Colour
    dark: Colour
    light: Colour

    def reads(self, ink: Colour) -> float:
        """The contrast of an ink with the worst of the ground."""
        return min(contrast(ink, self.mean), contrast(ink, self.dark), contrast(ink, self.light))


def ground_under(image: Image.Image, box: tuple[int, int, int, int]) -> Ground:
    """Measure the ground within ``box``: mean, and mean minus and plus one deviation."""
    left, top, right, bottom = box
    piece = image.crop((max(0, left), max(0, top), min(image.width, right), min(image.height, bottom)))
    stat = ImageStat.Stat(piece.resize((24, 16), Image.Resampling.BOX))
    mean = tuple(round(v) for v in stat.mean)
    low = tuple(max(0, round(m - s)) for m, s in zip(stat.mean, stat.stddev, strict=True))
    high = tuple(min(255, round(m + s)) for m, s in zip(stat.mean, stat.stddev, strict=True))
    return Ground((mean[0], mean[1], mean[2]), (low[0], low[1], low[2]), (high[0], high[1], high[2]))


def readable(ground: Ground, inks: list[Colour], *, least: float = 3.0) -> Colour:
    """The first ink whose contrast is at least ``least``, else the one with the most."""
    for ink in inks:
        if ground.reads(ink) >= least:
            return ink
    return max([*inks, BLACK, WHITE], key=ground.reads)


def placed(mask: Image.Image, size: tuple[int, int], at: tuple[int, int]) -> Image.Image:
    """A mask of the canvas's size with ``mask`` at ``at``."""
    sheet = Image.new("L", size, 0)
    sheet.paste(mask, at)
    return sheet


def print_title(
    stage: Stage, mask: Image.Image, at: tuple[int, int], ink: Colour, effect: str, rng: random.Random
) -> None:
    """Print a title's mask at a place with an effect; the mask is already set and bent."""
    image, p = stage.image, stage.palette
    size = stage.size
    whole = placed(mask, size, at)
    unit = size[0] / 480
    dark = contrast(ink, BLACK) > contrast(ink, WHITE)
    edge = mix(p.night, BLACK, 0.5) if dark else p.paper
    if effect == "shadow":
        step = max(2, round(3.5 * unit))
        second = p.accent if contrast(p.accent, ink) > 1.8 else edge
        for k in range(step, 0, -1):
            lay(image, moved(whole, k, k), second)
    elif effect in ("outline", "arch") and contrast(ink, edge) > 1.6:
        by = max(2, round(4 * unit))
        rim = placed(thickened(mask, by), size, (at[0] - by, at[1] - by))
        lay(image, moved(rim, 1.5 * unit, 2.5 * unit), BLACK, 0.3)
        lay(image, rim, edge)
    elif effect == "glow":
        glow(image, whole, mix(ink, p.glow, 0.4), 9 * unit, 0.85)
    elif effect == "chrome":
        by = max(1, round(2 * unit))
        lay(image, placed(thickened(mask, by), size, (at[0] - by, at[1] - by)), edge)
    elif effect in ("plain", "slant", "slope") and rng.random() < 0.4:
        lay(image, moved(whole, 2 * unit, 2 * unit), edge, 0.35)
    if effect in ("worn", "drip"):
        whole = worn(whole, rng, rng.uniform(0.04, 0.11) if effect == "worn" else 0.03)
    if effect == "chrome":
        light, low = mix(ink, WHITE, 0.75), mix(ink, BLACK, 0.3)
        stops = (light, ink, mix(ink, WHITE, 0.9), low, ink) if dark else (low, ink, mix(ink, p.accent, 0.4), ink)
        lay_ramp(image, whole, stops)
    else:
        lay(image, whole, ink)
    if effect == "chrome" and stage.era.name == "airbrush":
        _glint(stage, whole, rng)
    if effect == "inline":
        core = thinned(whole, 2.2 * unit)
        lay(image, core, mix(ink, edge, 0.75))
    if effect == "jitter" and stage.era.name != "cut-paper" and rng.random() < 0.4:
        # Every other word-high strip in a second colour: letters of two inks.
        band = Image.new("L", size, 0)
        for x in range(0, size[0], max(8, size[0] // 8)):
            band.paste(255, (x, 0, x + max(4, size[0] // 16), size[1]))
        if contrast(p.accent, ink) > 1.2 and contrast(p.accent, edge) > 1.5:
            lay(image, ImageChops.multiply(whole, band), mix(ink, p.accent, 0.25))


def _glint(stage: Stage, whole: Image.Image, rng: random.Random) -> None:
    """A star of light on an upper edge of the letters."""
    box = whole.getbbox()
    if box is None:
        return
    x = rng.uniform(box[0] + 0.1 * (box[2] - box[0]), box[0] + 0.9 * (box[2] - box[0]))
    column = whole.crop((int(x), 0, int(x) + 1, whole.height)).getbbox()
    y, r = (column[1] if column else box[1]), stage.size[0] * rng.uniform(0.03, 0.055)
    mask, pen = stage.mask()
    pen.polygon([(x - r, y), (x, y - r * 0.08), (x + r, y), (x, y + r * 0.08)], fill=255)
    pen.polygon([(x, y - r), (x + r * 0.08, y), (x, y + r), (x - r * 0.08, y)], fill=255)
    pen.ellipse((x - r * 0.16, y - r * 0.16, x + r * 0.16, y + r * 0.16), fill=255)
    glow(stage.image, mask, WHITE, r * 0.2, 0.8)
    lay(stage.image, mask, WHITE)
