"""Setting type: lines of letters as masks, broken, fitted, spaced and bent."""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from keyart_demo.fonts import Face, font

SMALL_WORDS = frozenset({"a", "an", "the", "of", "in", "and", "&", "to", "for"})


def cased(text: str, case: str) -> str:
    """The text in a face's case (``upper``, ``title``, ``lower``)."""
    return {"upper": text.upper(), "lower": text.lower()}.get(case, text)


@lru_cache(maxsize=1 << 15)
def _advance(text: str, face: Face) -> float:
    """Natural width in ems, measured once at a large size."""
    return font(face, 200).getlength(text) / 200


def width_at(text: str, face: Face, size: float) -> float:
    """Set width in pixels at ``size``, with tracking."""
    spaced = 0.0 if face.script else face.tracking * (len(text) - 1)
    return (_advance(text, face) + spaced) * size


def set_line(
    text: str, face: Face, size: int, *, jitter: float = 0.0, rng: random.Random | None = None, stroke: int = 0
) -> Image.Image:
    """One line as an ``L`` mask, trimmed to its ink.

    Args:
        text: The line, already in the face's case.
        face: The typeface.
        size: Pixels an em.
        jitter: How far letters stray (in ems) and turn, as if cut out by hand.
        rng: Draws the straying.
        stroke: Outline in pixels that thickens every letter.
    """
    letters = font(face, max(4, size))
    pad = size
    sheet = Image.new("L", (int(width_at(text, face, size)) + 2 * pad, 3 * size), 0)
    pen = ImageDraw.Draw(sheet)
    if face.script or (not jitter and not face.tracking):
        pen.text((pad, size * 2), text, font=letters, fill=255, anchor="ls", stroke_width=stroke)
    else:
        # Letter by letter: the advance of a pair less that of its second letter holds the kerning.
        x = float(pad)
        for i, letter in enumerate(text):
            if jitter and rng is not None and letter != " ":
                _stray_letter(sheet, letter, letters, x, size, jitter, rng, stroke)
            else:
                pen.text((x, size * 2), letter, font=letters, fill=255, anchor="ls", stroke_width=stroke)
            pair = text[i : i + 2]
            x += (_advance(pair, face) - _advance(pair[1:], face) + face.tracking) * size
    box = sheet.getbbox()
    line = sheet.crop(box) if box else sheet.crop((0, 0, 1, 1))
    if face.stretch != 1.0:
        line = line.resize((max(1, round(line.width * face.stretch)), line.height), Image.Resampling.BILINEAR)
    return line


def _stray_letter(
    sheet: Image.Image,
    letter: str,
    letters: ImageFont.FreeTypeFont,
    x: float,
    size: int,
    jitter: float,
    rng: random.Random,
    stroke: int,
) -> None:
    tile = Image.new("L", (2 * size, 2 * size), 0)
    ImageDraw.Draw(tile).text(
        (size // 2, int(size * 1.4)), letter, font=letters, fill=255, anchor="ls", stroke_width=stroke
    )
    tile = tile.rotate(rng.gauss(0, 55 * jitter), Image.Resampling.BICUBIC, center=(size * 0.8, size))
    at = (round(x - size // 2), round(2 * size - int(size * 1.4) + rng.gauss(0, jitter * size * 0.55)))
    area = (*at, at[0] + tile.width, at[1] + tile.height)
    sheet.paste(ImageChops.lighter(sheet.crop(area), tile), at)


def break_lines(words: Sequence[str], face: Face, box: tuple[float, float], leading: float = 1.12) -> list[str]:
    """Break a title where the common size can be largest within ``box`` (width, height in pixels)."""
    best: tuple[float, list[str]] = (-1.0, [" ".join(words)])
    for n in range(1, min(4, len(words)) + 1):
        for cuts in combinations(range(1, len(words)), n - 1):
            edges = [0, *cuts, len(words)]
            lines = [" ".join(words[a:b]) for a, b in pairwise(edges)]
            widest = max(width_at(cased(line, face.case), face, 100) for line in lines) * face.stretch
            size = min(box[0] / widest, box[1] / (100 * 0.78 * leading * n))
            # A small word alone at a line's end reads badly.
            size *= 0.8 ** sum(line.split()[-1].lower() in SMALL_WORDS and len(line.split()) > 1 for line in lines)
            if size > best[0]:
                best = (size, lines)
    return best[1]


def set_title(
    title: str,
    face: Face,
    box: tuple[int, int],
    *,
    stacked: bool,
    align: str = "centre",
    jitter: float = 0.0,
    rng: random.Random | None = None,
    limit: float = 0.42,
) -> Image.Image:
    """A title as an ``L`` mask no larger than ``box``.

    Args:
        title: The title in title case.
        face: The typeface.
        box: Largest width and height in pixels.
        stacked: Every line is fitted to the full width; else all lines are of one size.
        align: ``centre`` or ``left``.
        jitter: See `set_line`.
        rng: Draws the straying.
        limit: Largest letter size as a fraction of the box's width.
    """
    lines = [cased(line, face.case) for line in break_lines(title.split(), face, box)]
    width, height = box
    sizes = []
    for line in lines:
        fit = width / (width_at(line, face, 100) * face.stretch) * 100
        sizes.append(min(fit * 0.98, width * limit))
    if not stacked:
        sizes = [min(sizes)] * len(lines)
    else:
        floor = min(sizes)
        sizes = [min(size, floor * 2.2) for size in sizes]
    for i, line in enumerate(lines):
        if len(lines) > 1 and all(word.lower() in SMALL_WORDS for word in line.split()):
            sizes[i] = min(sizes[i], 0.5 * max(sizes))
    gap = 0.16 * max(sizes) if not stacked else 0.12 * max(sizes)
    tall = sum(0.74 * size for size in sizes) + gap * (len(lines) - 1)
    if tall > height:
        sizes = [size * height / tall for size in sizes]
        gap *= height / tall
    masks = [
        set_line(line, face, max(6, round(size)), jitter=jitter, rng=rng)
        for line, size in zip(lines, sizes, strict=True)
    ]
    return stack(masks, round(gap), align)


def stack(masks: Sequence[Image.Image], gap: int, align: str = "centre") -> Image.Image:
    """Masks one under another."""
    width = max(mask.width for mask in masks)
    sheet = Image.new("L", (width, sum(mask.height for mask in masks) + gap * (len(masks) - 1)), 0)
    y = 0
    for mask in masks:
        x = 0 if align == "left" else (width - mask.width) // 2
        sheet.paste(mask, (x, y))
        y += mask.height + gap
    return sheet


def slanted(mask: Image.Image, slope: float) -> Image.Image:
    """Lean to the right by ``slope`` (tangent)."""
    w, h = mask.size
    extra = int(abs(slope) * h)
    return mask.transform(
        (w + extra, h),
        Image.Transform.AFFINE,
        (1, slope, -slope * h if slope > 0 else 0, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )


def turned(mask: Image.Image, angle: float) -> Image.Image:
    """Turn counter-clockwise, growing the sheet."""
    return mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)


def arched(mask: Image.Image, rise: float) -> Image.Image:
    """Bend upwards in the middle by ``rise`` of the width (a parabola, in vertical strips)."""
    w, h = mask.size
    lift = rise * w
    strips = max(1, min(48, w))
    sheet = Image.new("L", (w, h + int(lift) + 1), 0)
    mesh = []
    for i in range(strips):
        x0, x1 = w * i // strips, w * (i + 1) // strips
        drop0, drop1 = (lift * (2 * x / w - 1) ** 2 for x in (x0, x1))
        # Quads are source corners: north-west, south-west, south-east, north-east.
        mesh.append(
            ((x0, 0, x1, sheet.height), (x0, -drop0, x0, sheet.height - drop0, x1, sheet.height - drop1, x1, -drop1))
        )
    return mask.transform(sheet.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def thickened(mask: Image.Image, by: int) -> Image.Image:
    """Grow the ink by ``by`` pixels on a sheet grown by as much."""
    w, h = mask.size
    grown = Image.new("L", (w + 2 * by, h + 2 * by), 0)
    grown.paste(mask, (by, by))
    return grown.filter(ImageFilter.GaussianBlur(by * 0.6)).point([min(255, v * 7) if v > 8 else 0 for v in range(256)])


def thinned(mask: Image.Image, by: float) -> Image.Image:
    """What is left of the ink ``by`` pixels from its edges."""
    return mask.filter(ImageFilter.GaussianBlur(by)).point([max(0, min(255, (v - 205) * 8)) for v in range(256)])


def dripping(mask: Image.Image, rng: random.Random) -> Image.Image:
    """Drops run down from the letters."""
    w, h = mask.size
    sheet = Image.new("L", (w, int(h * 1.32)), 0)
    sheet.paste(mask, (0, 0))
    pen = ImageDraw.Draw(sheet)
    thick = max(2.0, h * 0.035)
    for _ in range(max(5, w // 34)):
        x = rng.uniform(thick, w - thick)
        column = mask.crop((int(x), 0, int(x) + 1, h)).getbbox()
        if column is None:
            continue
        foot, length, t = column[3], rng.uniform(0.06, 0.3) * h, thick * rng.uniform(0.5, 1.0)
        pen.polygon(
            [(x - t, foot - t), (x + t, foot - t), (x + t * 0.5, foot + length), (x - t * 0.5, foot + length)], fill=255
        )
        pen.ellipse((x - t * 0.8, foot + length - t, x + t * 0.8, foot + length + t), fill=255)
    return sheet


@lru_cache(maxsize=4096)
def set_plate(text: str, face: Face, size: int) -> Image.Image:
    """A plain line that comes again and again, as names and their roles do; not to be drawn upon."""
    return set_line(text, face, size)


def justified(pieces: Sequence[tuple[str, bool]], face: Face, size: int) -> Image.Image:
    """A billing line: names in full size, what they did (``False``) smaller, on one base."""
    words = [(word, name) for text, name in pieces for word in text.upper().split()]
    masks = [set_plate(word, face, size if name else math.ceil(size * 0.62)) for word, name in words]
    space = round(size * 0.16)
    tall = max(mask.height for mask in masks)
    sheet = Image.new("L", (sum(mask.width for mask in masks) + space * (len(masks) - 1), tall), 0)
    x = 0
    for mask in masks:
        sheet.paste(mask, (x, tall - mask.height))
        x += mask.width + space
    return sheet
