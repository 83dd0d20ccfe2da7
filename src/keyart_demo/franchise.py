"""Series: each has its own mark, colour and place on the sheet, whatever the genre."""

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from keyart_demo.films import DRAWS, ROMAN, Film
from keyart_demo.fonts import FACES
from keyart_demo.ink import lay
from keyart_demo.palette import BLACK, WHITE, Colour, luminance, mix, parse
from keyart_demo.stage import Stage
from keyart_demo.typography import set_line
from keyart_demo.words import FRANCHISES

PLACES = ("band", "spine", "seal", "ribbon")
_FACES = ("abril", "anton", "cinzel", "league", "lobster", "marcellus", "oswald", "righteous")
_INKS = ("d4a017", "0e8f8a", "b0213b", "2748a0", "e8e2d0", "5a2d82", "e2641e", "2e7d46")


@dataclass(frozen=True)
class Brand:
    """One series' marks: the same in every catalogue."""

    name: str
    ink: Colour
    place: str
    emblem: int
    right: bool
    face: str


def brand(number: int) -> Brand:
    """The marks of series ``number``."""
    rng = random.Random(f"{DRAWS}/franchise/{number}")
    return Brand(
        FRANCHISES[number],
        parse(_INKS[number % len(_INKS)]),
        PLACES[number // 2 % len(PLACES)],
        number % 6,
        rng.random() < 0.5,
        _FACES[number % len(_FACES)],
    )


def clearance(film: Film) -> tuple[float, float, float]:
    """Room that the mark takes from the words at the top: left and right of the width, top of the height."""
    if film.franchise < 0:
        return 0.0, 0.0, 0.0
    series = brand(film.franchise)
    if series.place == "band":
        return 0.0, 0.0, 0.056
    wide = {"spine": 0.075, "seal": 0.24, "ribbon": 0.23}[series.place]
    return (0.0, wide, 0.0) if series.right else (wide, 0.0, 0.0)


def _emblem(kind: int, size: int) -> Image.Image:
    """A small mark as an ``L`` mask."""
    s = size * 4
    sheet = Image.new("L", (s, s), 0)
    pen = ImageDraw.Draw(sheet)
    c = s / 2
    if kind in (0, 1):
        pen.ellipse((0, 0, s - 1, s - 1), fill=255)
        n, inner = (5, 0.4) if kind == 0 else (8, 0.62)
        pen.polygon(
            [
                (
                    c + c * (0.82 if k % 2 == 0 else 0.82 * inner) * math.sin(math.pi * k / n),
                    c - c * (0.82 if k % 2 == 0 else 0.82 * inner) * math.cos(math.pi * k / n),
                )
                for k in range(2 * n)
            ],
            fill=0,
        )
    elif kind == 2:
        pen.polygon([(c, 0), (s, c), (c, s), (0, c)], fill=255)
        pen.polygon([(c, s * 0.22), (s * 0.78, c), (c, s * 0.78), (s * 0.22, c)], fill=0)
        pen.ellipse((s * 0.39, s * 0.39, s * 0.61, s * 0.61), fill=255)
    elif kind == 3:
        pen.polygon([(0, 0), (s, 0), (s, s * 0.55), (c, s), (0, s * 0.55)], fill=255)
        pen.polygon([(s * 0.2, s * 0.18), (s * 0.8, s * 0.18), (c, s * 0.74)], fill=0)
    elif kind == 4:
        for k in range(3):
            r = c * (1 - 0.34 * k)
            pen.ellipse((c - r, c - r, c + r, c + r), fill=255 if k % 2 == 0 else 0)
    else:
        pen.polygon([(c, 0), (s, s * 0.92), (0, s * 0.92)], fill=255)
        pen.ellipse((s * 0.34, s * 0.42, s * 0.66, s * 0.74), fill=0)
    return sheet.resize((size, size), Image.Resampling.BOX)


def mark_series(film: Film, stage: Stage) -> None:
    """Print the series' mark where the series always prints it; nothing for a single film."""
    if film.franchise < 0:
        return
    series = brand(film.franchise)
    w, h = stage.size
    on = mix(BLACK, series.ink, 0.08) if luminance(series.ink) > 0.25 else WHITE
    episode = ROMAN[film.episode]
    if series.place == "band":
        deep = round(0.056 * h)
        stage.image.paste(series.ink, (0, 0, w, deep))
        _caption(stage, f"A {series.name} Picture", (round(0.04 * w), 0), deep, on)
        _put(
            stage,
            _emblem(series.emblem, round(deep * 0.72)),
            (w - round(0.04 * w) - round(deep * 0.72), round(deep * 0.14)),
            on,
        )
    elif series.place == "spine":
        wide = round(0.075 * w)
        x = w - wide if series.right else 0
        stage.image.paste(series.ink, (x, 0, x + wide, h))
        words = set_line(f"{series.name}  {episode}".upper(), FACES["small-wide"], round(wide * 0.5)).rotate(
            90, expand=True
        )
        _put(stage, words, (x + (wide - words.width) // 2, round(0.5 * h - words.height / 2)), on)
        _put(stage, _emblem(series.emblem, round(wide * 0.7)), (x + round(wide * 0.15), round(0.02 * h)), on)
    elif series.place == "seal":
        size = round(0.2 * w)
        x = w - size - round(0.05 * w) if series.right else round(0.05 * w)
        y = round(0.03 * h)
        disc, pen = stage.mask()
        pen.ellipse((x, y, x + size, y + size), fill=255)
        stage.lay(disc, series.ink)
        _put(stage, _emblem(series.emblem, round(size * 0.48)), (x + round(size * 0.26), y + round(size * 0.14)), on)
        words = set_line(episode, FACES["small-serif"], round(size * 0.2))
        _put(stage, words, (x + (size - words.width) // 2, y + round(size * 0.69)), on)
    else:
        ribbon, pen = stage.mask()
        x0, x1 = (0.62, 0.86) if series.right else (0.38, 0.14)
        pen.polygon(
            [
                (x0 * w, 0),
                (x1 * w, 0),
                ((1.0 if series.right else 0.0) * w, abs(1 - x1 if series.right else x1) * w),
                ((1.0 if series.right else 0.0) * w, abs(1 - x0 if series.right else x0) * w),
            ],
            fill=255,
        )
        stage.lay(ribbon, series.ink)
        words = set_line(series.name.upper(), FACES["oswald"], round(0.038 * w)).rotate(
            -45 if series.right else 45, expand=True
        )
        centre = 0.87 if series.right else 0.13
        _put(stage, words, (round(centre * w - words.width / 2), round(0.13 * w - words.height / 2)), on)


def _put(stage: Stage, mask: Image.Image, at: tuple[int, int], ink: Colour) -> None:
    sheet = Image.new("L", stage.size, 0)
    sheet.paste(mask, at)
    lay(stage.image, sheet, ink)


def _caption(stage: Stage, text: str, at: tuple[int, int], deep: int, ink: Colour) -> None:
    words = set_line(text.upper(), FACES["small-wide"], round(deep * 0.46))
    _put(stage, words, (at[0], at[1] + (deep - words.height) // 2), ink)
