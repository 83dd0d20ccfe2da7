"""Borders: a margin of paper, fine lines, the corners of the thirties, the rounded window of the seventies."""

import random

from PIL import Image, ImageChops, ImageDraw

from keyart_demo.palette import Colour, mix
from keyart_demo.stage import Stage


def frame(stage: Stage, rng: random.Random) -> None:
    """Give the sheet its era's border, or none."""
    era, p = stage.era, stage.palette
    if rng.random() >= era.frame:
        return
    ink = {"paper": p.paper, "accent": mix(p.accent, p.glow, 0.3), "night": p.night}[era.trim]
    if era.name == "deco" and rng.random() < 0.6:
        _corners(stage, ink)
    elif era.name == "grain" and rng.random() < 0.5:
        _window(stage, ink)
    elif rng.random() < 0.5 or era.name == "grain":
        _margin(stage, ink)
    else:
        _lines(stage, ink)


def _margin(stage: Stage, ink: Colour) -> None:
    w, h = stage.size
    m = round(0.035 * w)
    held = stage.image.crop((m, m, w - m, h - m))
    stage.image.paste(ink, (0, 0, w, h))
    stage.image.paste(held, (m, m))


def _lines(stage: Stage, ink: Colour) -> None:
    w, h = stage.size
    pen = ImageDraw.Draw(stage.image)
    for inset, thick in ((0.025, 0.006), (0.04, 0.002)):
        m = round(inset * w)
        pen.rectangle((m, m, w - 1 - m, h - 1 - m), outline=ink, width=max(1, round(thick * w)))


def _window(stage: Stage, ink: Colour) -> None:
    """A window with round corners."""
    w, h = stage.size
    m, r = round(0.04 * w), round(0.07 * w)
    outside = Image.new("L", (w, h), 0)
    ImageDraw.Draw(outside).rounded_rectangle((m, m, w - m, h - m), r, fill=255)
    stage.lay(ImageChops.invert(outside), ink)


def _corners(stage: Stage, ink: Colour) -> None:
    """Two lines that step in at the corners, and a fan in each step."""
    w, h = stage.size
    quarter, pen = stage.mask()
    for inset, thick in ((0.025, 0.006), (0.042, 0.0025)):
        m, step, t = inset * w, 0.085 * w, max(1, round(thick * w))
        pen.line([(w / 2, m), (m + step, m), (m + step, m + step), (m, m + step), (m, h / 2)], fill=255, width=t)
    for k in range(1, 4):
        r = 0.02 * w * k
        at = 0.025 * w
        pen.arc((at - r, at - r, at + r, at + r), 0, 90, fill=255, width=max(1, round(0.004 * w)))
    across = ImageChops.lighter(quarter, quarter.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    stage.lay(ImageChops.lighter(across, across.transpose(Image.Transpose.FLIP_TOP_BOTTOM)), ink)
