"""Text on the sheet: names, tagline, title, billing block, studio mark, series mark."""

import random
from dataclasses import dataclass, replace

from PIL import Image

from keyart_demo.casting import CASTING
from keyart_demo.films import Film
from keyart_demo.fonts import FACES, Face
from keyart_demo.franchise import brand, clearance
from keyart_demo.ink import faded, lay, ramp, soften
from keyart_demo.palette import BLACK, WHITE, Colour, luminance, mix
from keyart_demo.stage import Room, Stage
from keyart_demo.titles import ground_under, placed, print_title, readable
from keyart_demo.typography import (
    arched,
    cased,
    dripping,
    justified,
    set_plate,
    set_title,
    slanted,
    stack,
    turned,
    width_at,
)  # fmt: skip


def _pick(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def choose_lettering(film: Film, stage: Stage, rng: random.Random) -> tuple[Face, str]:
    """Typeface and effect: mostly those of a genre (not always the dominant one), else those of the era."""
    genre = film.looks[0] if rng.random() < 0.7 else rng.choice(film.looks)
    casting = CASTING[genre]
    face = FACES[rng.choice(casting.faces if rng.random() < 0.78 else stage.era.faces)]
    if film.franchise >= 0 and rng.random() < 0.6:
        face = FACES[brand(film.franchise).face]
    effect = _pick(rng, casting.effects if rng.random() < 0.7 else stage.era.effects)
    if stage.era.name == "minimal" and rng.random() < 0.6:
        effect = "plain"
    if face.script and effect in ("jitter", "slant", "wide", "inline"):
        effect = rng.choice(["plain", "slope", "shadow"])
    if effect == "wide":
        face = replace(face, stretch=1.0 + rng.uniform(0.2, 0.5))
    return face, effect


def _bent(mask: Image.Image, effect: str, rng: random.Random) -> Image.Image:
    if effect == "slant":
        return slanted(mask, rng.uniform(0.14, 0.26))
    if effect == "slope":
        return turned(mask, rng.uniform(4, 9))
    if effect == "arch":
        return arched(mask, rng.uniform(0.06, 0.13))
    if effect == "drip":
        return dripping(mask, rng)
    return mask


@dataclass(frozen=True)
class Column:
    """The part of the sheet's width that words may use, in pixels."""

    left: float
    right: float

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    def x(self, width: int, align: str = "centre") -> int:
        """Return the left edge of something of this width."""
        return round(self.left if align == "left" else (self.left + self.right - width) / 2)


def _columns(film: Film, stage: Stage) -> tuple[Column, Column, int]:
    """The column at the top, that below, and the height taken from the top by a series' mark."""
    w, h = stage.size
    left, right, top = clearance(film)
    upper = Column(max(left, 0.045) * w, (1 - max(right, 0.045)) * w)
    spine = 0 < max(left, right) < 0.1
    return upper, Column(left * w, (1 - right) * w) if spine else Column(0, w), round(top * h)


def _scrim(stage: Stage, box: tuple[int, int, int, int], colour: Colour, strength: float) -> None:
    sheet = Image.new("L", stage.size, 0)
    pad = (box[3] - box[1]) // 3
    sheet.paste(255, (-stage.size[0], box[1] - pad, 2 * stage.size[0], box[3] + pad))
    lay(stage.image, soften(sheet, pad * 0.9), colour, strength)


def set_words(film: Film, stage: Stage, room: Room, rng: random.Random) -> None:
    """Set all words of a poster on its finished picture."""
    h = stage.size[1]
    upper, lower, taken = _columns(film, stage)
    low = room.title[0] > 0.3
    foot = _billing(film, stage, rng, lower)
    top = max(round(room.title[0] * h), taken + round(0.03 * h) if not low else 0)
    bottom = round(min(room.title[1] * h, foot - 0.012 * h))
    _title(film, stage, room, rng, lower if low else upper, (top, bottom))
    if room.cast == "top" and rng.random() < 0.85:
        _names(film, stage, rng, round(0.032 * h) + taken, upper)
    elif room.cast == "title" and rng.random() < 0.4:
        _names(film, stage, rng, round(h * 0.845), lower)


def _title(film: Film, stage: Stage, room: Room, rng: random.Random, column: Column, span: tuple[int, int]) -> None:
    """The title and its tagline between two heights."""
    w, h = stage.size
    p = stage.palette
    top, bottom = span
    face, effect = choose_lettering(film, stage, rng)
    margin = rng.choice([0.07, 0.09, 0.12]) * w if effect != "slope" else 0.1 * w
    inner = Column(column.left + margin, column.right - margin)
    tagged = rng.random() < 0.75
    tag_height = round(0.034 * h) if tagged else 0
    tall = bottom - top - tag_height
    bends = effect in ("arch", "slope")
    mask = set_title(
        film.title, face, (round(inner.width), round(tall * (0.8 if bends else 0.97))),
        stacked=not face.script and (room.big or rng.random() < 0.5), align=room.align,
        jitter=(0.11 if stage.era.name == "cut-paper" else 0.07) if effect == "jitter" else 0.0, rng=rng,
        limit=0.6 if room.big else rng.choice([0.2, 0.26, 0.32]),
    )  # fmt: skip
    mask = _bent(mask, effect, rng)
    scale = min(1.0, (column.width - 0.06 * w) / mask.width, tall * 1.02 / mask.height)
    if scale < 1:
        mask = mask.resize(
            (max(1, int(mask.width * scale)), max(1, int(mask.height * scale))), Image.Resampling.BILINEAR
        )
    x = inner.x(mask.width, room.align)
    low = room.title[0] > 0.3
    above = low and rng.random() < 0.6
    y = top + (tag_height if above else 0) + max(0, round((tall - mask.height) * (0.45 if low or room.big else 0.2)))
    box = (x, y, x + mask.width, y + mask.height)
    ground = ground_under(stage.image, box)
    order = [p.accent, p.paper, p.glow, p.night] if rng.random() < 0.5 else [p.paper, p.night, p.accent, p.glow]
    ink = readable(ground, order, least=3.2)
    if ground.reads(ink) < 3.2:
        veil = mix(p.night, BLACK, 0.4) if luminance(ground.mean) < 0.35 else mix(p.paper, WHITE, 0.3)
        _scrim(stage, box, veil, 0.8)
        ink = readable(ground_under(stage.image, box), order, least=3.2)
    print_title(stage, mask, (x, y), ink, effect, rng)
    if tagged:
        _tagline(film, stage, rng, y - round(0.028 * h) if above else box[3] + round(0.012 * h), room.align, inner)


def _small_face(stage: Stage, rng: random.Random) -> Face:
    if stage.era.name in ("heads", "noir"):
        return FACES[rng.choice(["small-serif", "small-wide"])]
    return FACES[rng.choice(["small-wide", "small-wide", "bebas", "small"])]


def _print_small(stage: Stage, mask: Image.Image, at: tuple[int, int], strength: float = 1.0) -> None:
    """Print small text in the most legible ink, on a soft shade if no ink is legible."""
    x, y = at
    p = stage.palette
    ground = ground_under(stage.image, (x, y, x + mask.width, y + mask.height))
    ink = readable(ground, [p.paper, p.night], least=4.5)
    sheet = placed(mask, stage.size, at)
    if ground.reads(ink) < 3.5:
        unit = stage.size[0] / 480
        shade = soften(sheet, 6 * unit).point([min(255, 3 * v) for v in range(256)])
        lay(stage.image, shade, mix(p.night, BLACK, 0.5) if luminance(ink) > 0.4 else p.paper, 0.7)
    lay(stage.image, sheet, ink, strength)


def _fitted(text: str, face: Face, width: float, size: int) -> Image.Image:
    natural = width_at(text, face, 1.0)
    return set_plate(text, face, max(7, min(size, int(width / max(natural, 0.01)))))


def _tagline(film: Film, stage: Stage, rng: random.Random, y: int, align: str, column: Column) -> None:
    face = FACES["playfair-italic"] if rng.random() < 0.3 else _small_face(stage, rng)
    mask = _fitted(cased(film.tagline, face.case), face, column.width * 0.95, round(stage.size[0] * 0.034))
    _print_small(stage, mask, (column.x(mask.width, align), y))


def _names(film: Film, stage: Stage, rng: random.Random, y: int, column: Column) -> None:
    """Two or three names side by side, given name above family name."""
    w = stage.size[0]
    n = rng.choice([2, 3, 3]) if column.width > 0.85 * w else 2
    face = _small_face(stage, rng)
    stacked = rng.random() < 0.6
    share = column.width / n
    blocks = []
    for name in film.cast[:n]:
        first, last = name.split(" ", 1)
        if stacked:
            size = round(w * (0.04 if n == 3 else 0.046))
            upper = set_plate(first.upper(), face, max(7, round(size * 0.66)))
            blocks.append(stack([upper, _fitted(last.upper(), face, share * 0.86, size)], max(2, round(0.008 * w))))
        else:
            blocks.append(_fitted(name.upper(), face, share * 0.86, round(w * 0.032)))
    tall = max(block.height for block in blocks)
    for i, block in enumerate(blocks):
        middle = column.left + share * (i + 0.5)
        _print_small(stage, block, (round(middle - block.width / 2), y + tall - block.height))


def _billing(film: Film, stage: Stage, rng: random.Random, column: Column) -> int:
    """The billing block at the foot; returns the height in pixels at which it begins."""
    w, h = stage.size
    face = replace(FACES["bebas"], tracking=0.0, stretch=0.62)
    size = round(w * 0.033)
    a, b, c = film.cast
    lines = [
        justified([(film.studio, True), ("presents a", False), (film.director, True), ("film", False), (a, True),
                   (b, True)], face, size),
        justified([("with", False), (c, True), ("directed by", False), (film.director, True), ("music by", False),
                   (b.split()[1] + " & " + c.split()[0], True)], face, size),
    ]  # fmt: skip
    if rng.random() < 0.4:
        lines.pop()
    block = stack(lines, max(2, round(w * 0.009)))
    widest = round(0.84 * column.width)
    if block.width > widest:
        block = block.resize((widest, block.height), Image.Resampling.BILINEAR)
    y = round(h * 0.968) - block.height
    if rng.random() < 0.35:
        line = set_plate(f"{film.year}" if rng.random() < 0.5 else "COMING SOON", FACES["small-wide"], round(w * 0.026))
        y -= line.height + round(0.008 * h)
        _print_small(stage, line, (column.x(line.width), round(h * 0.968) - line.height))
    _print_small(stage, block, (column.x(block.width), y), 0.8)
    return y


def fade_foot(stage: Stage) -> None:
    """Darken the foot of a dark picture a little, for the billing block."""
    w, h = stage.size
    foot = ground_under(stage.image, (0, round(0.88 * h), w, h))
    if luminance(foot.mean) > 0.3:
        return
    shade = ramp((w, h // 4), (BLACK, (150, 150, 150))).convert("L")
    stage.image.paste(mix(stage.palette.night, BLACK, 0.5), (0, h - h // 4, w, h), faded(shade, 0.8))
