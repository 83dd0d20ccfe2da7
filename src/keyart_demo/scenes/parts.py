"""Parts that many scenes share: ridges, discs, water, mist, rain."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from keyart_demo.ink import lay, lay_ramp, ramp, soften
from keyart_demo.palette import BLACK, WHITE, Colour, contrast, luminance, mix
from keyart_demo.stage import Stage
from keyart_demo.texture import clouds

FLAT_BRUSHES = ("flat", "cut")


def is_flat(stage: Stage) -> bool:
    """Whether the era prints in flat inks."""
    return stage.era.brush in FLAT_BRUSHES


def against(stage: Stage, ground: Colour | None = None) -> Colour:
    """An ink for a silhouette that reads on the ground: mostly the darkest, on dark grounds a light or loud one."""
    p = stage.palette
    ground = ground or stage.ground
    if luminance(ground) > 0.09:
        return p.night
    choices = [c for c in (p.accent, p.glow, p.paper) if contrast(c, ground) > 3.2]
    return stage.rng.choice(choices) if choices else p.paper


def disc(stage: Stage, x: float, y: float, radius: float, colour: Colour, *, shine: float = 0.0) -> Image.Image:
    """A sun or a moon; ``radius`` is a fraction of the width."""
    mask, pen = stage.mask()
    cx, cy = stage.at(x, y)
    r = radius * stage.size[0]
    pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
    if shine and not is_flat(stage):
        stage.glow(mask, colour, shine, 0.75)
    if stage.era.name == "airbrush" and stage.rng.random() < 0.6:
        for k in range(6):
            y = cy + r * (0.05 + 0.16 * k)
            pen.rectangle((cx - r, y, cx + r, y + r * (0.02 + 0.014 * k)), fill=0)
    if is_flat(stage):
        stage.lay(mask, colour)
    else:
        lay_ramp(stage.image, mask, (mix(colour, WHITE, 0.3), colour))
    return mask


def sky(stage: Stage, *, night: float = 0.3) -> None:
    """A sky that brightens towards the horizon, over the era's own backdrop when that is flat."""
    p = stage.palette
    if stage.rng.random() < night:
        stops: tuple[Colour, ...] = (p.night, p.deep, mix(p.deep, p.field, 0.7))
        stage.ground = p.deep
    else:
        stops = (p.deep, p.field, p.glow) if stage.rng.random() < 0.6 else (p.field, p.glow, mix(p.glow, p.paper, 0.6))
        stage.ground = p.field
    if stage.era.brush == "cut":
        stage.ground = stops[1]
        stage.image.paste(stops[1], (0, 0, *stage.size))
    elif stage.era.brush == "flat":
        stage.ground = mix(stops[1], stops[2], 0.5)
        stage.image.paste(ramp(stage.size, (stops[1], stops[2])))
    else:
        if stage.era.name == "airbrush":
            stops = (p.night, p.deep, p.field, mix(p.accent, p.glow, 0.35))
        stage.image.paste(ramp(stage.size, (*stops, stops[-1])))
        _weather(stage, stops[-1])


def _weather(stage: Stage, light: Colour) -> None:
    """What fills a sky that is not flat: stars over neon, long clouds, fog, smoke."""
    rng, p = stage.rng, stage.palette
    if stage.era.name == "airbrush":
        stars(stage, 70, 0.5)
    elif rng.random() < 0.75:
        drift = clouds(stage.size, rng, scale=rng.uniform(0.6, 1.2), stretch=rng.uniform(1.6, 3.2))
        bank = drift.point([max(0, (v - 120) * 2) if v > 120 else 0 for v in range(256)])
        lay(stage.image, bank, mix(light, WHITE, 0.25) if rng.random() < 0.6 else mix(p.deep, p.night, 0.5), 0.4)


def embers(stage: Stage) -> None:
    """Sparks and dust in the light."""
    w, h = stage.size
    mask, pen = stage.mask()
    for _ in range(70):
        x, y = stage.rng.random() * w, stage.rng.random() ** 0.7 * 0.8 * h
        r = stage.rng.choice([0.5, 0.8, 1.4]) * w / 480
        pen.ellipse((x - r, y - r, x + r, y + r), fill=stage.rng.randrange(60, 230))
    stage.glow(mask, stage.palette.glow, 0.008, 0.9)
    stage.lay(mask, mix(stage.palette.glow, WHITE, 0.4))


def ridge(stage: Stage, base: float, height: float, *, sharp: float = 1.0, seed: float = 0.0) -> Image.Image:
    """A mask of hills: their mean line at ``base`` (fraction of the height), everything below filled."""
    w, h = stage.size
    rng = stage.rng
    mask, pen = stage.mask()
    waves = [(rng.uniform(0.6, 1.4) * k, rng.uniform(0, 2 * math.pi), 1 / k) for k in (1, 2, 3, 5, 8, 13)]
    points: list[tuple[float, float]] = []
    n = 15 if stage.era.brush == "cut" else 70
    for i in range(n + 1):
        x = i / n
        if sharp:
            y = sum(a * (abs(((f * x + p / 6.28) % 1) * 2 - 1) * 2 - 1) for f, p, a in waves) * sharp
            y += sum(a * math.sin(6.28 * f * x + p) for f, p, a in waves[:2]) * (1 - sharp)
        else:
            y = sum(a * math.sin(4.5 * f * x + p) for f, p, a in waves[:3])
        points.append((x * w, (base - height * 0.55 * y) * h))
    pen.polygon([(0, h), *points, (w, h)], fill=255)
    return mask


def ridges(stage: Stage, top: float, bottom: float, *, n: int, sharp: float, height: float = 0.06) -> None:
    """Ranges of hills, each nearer one darker."""
    p = stage.palette
    far = mix(p.field, p.glow, 0.4)
    for i in range(n):
        t = i / max(1, n - 1)
        colour = mix(far, p.night, 0.18 + 0.78 * t)
        mask = ridge(stage, top + (bottom - top) * t, height * (1.15 - 0.5 * t), sharp=sharp)
        if is_flat(stage):
            stage.lay(mask, colour)
        else:
            lay_ramp(stage.image, mask, (colour, mix(colour, far, 0.25), mix(colour, BLACK, 0.2)))


def floor(stage: Stage, y: float, colour: Colour | None = None) -> None:
    """Dark ground from ``y`` down, where the words will stand."""
    w, h = stage.size
    mask, pen = stage.mask()
    pen.rectangle((0, y * h, w, h), fill=255)
    ink = colour or stage.palette.night
    if is_flat(stage):
        stage.lay(mask, ink)
    else:
        lay_ramp(stage.image, mask, (ink, mix(ink, BLACK, 0.45)))


def mist(stage: Stage, y: float, depth: float, colour: Colour, strength: float = 0.7) -> None:
    """A soft band of mist about ``y``."""
    if is_flat(stage):
        return
    mask, pen = stage.mask()
    w, h = stage.size
    pen.rectangle((-w, (y - depth / 3) * h, 2 * w, (y + depth / 3) * h), fill=255)
    lay(stage.image, soften(mask, depth * h / 3), colour, strength)


def sink(stage: Stage, before: Image.Image, top: float, bottom: float, into: Colour | None = None) -> None:
    """Fade what was drawn since ``before`` out between ``top`` and ``bottom``, back into it or into a colour."""
    w, h = stage.size
    column = Image.new("L", (1, 256), 0)
    span = max(1e-3, bottom - top)
    column.putdata([round(255 * min(1, max(0, (i / 255 - top) / span))) for i in range(256)])
    mask = column.resize((w, h), Image.Resampling.BILINEAR)
    if into is None:
        stage.image.paste(before, (0, 0), mask)
    else:
        stage.image.paste(into, (0, 0, w, h), mask)


def birds(stage: Stage, n: int, colour: Colour, top: float = 0.1, bottom: float = 0.4) -> None:
    """Distant birds."""
    w, h = stage.size
    mask, pen = stage.mask()
    cx, cy = stage.rng.uniform(0.25, 0.75), stage.rng.uniform(top, bottom)
    for _ in range(n):
        x, y = (cx + stage.rng.gauss(0, 0.09)) * w, (cy + stage.rng.gauss(0, 0.03)) * h
        s = stage.rng.uniform(0.012, 0.028) * w
        pen.line(
            [
                (x - s, y - s * 0.5),
                (x - s * 0.35, y - s * 0.55),
                (x, y),
                (x + s * 0.35, y - s * 0.55),
                (x + s, y - s * 0.5),
            ],
            fill=255,
            width=max(1, round(s * 0.22)),
            joint="curve",
        )
    stage.lay(mask, colour)


def rain(stage: Stage, colour: Colour, n: int = 150) -> None:
    """Slanting rain."""
    w, h = stage.size
    mask, pen = stage.mask()
    slant = stage.rng.choice([-1, 1]) * 0.2
    for _ in range(n):
        x, y, length = stage.rng.uniform(-0.1, 1.1) * w, stage.rng.random() * h, stage.rng.uniform(0.02, 0.06) * h
        pen.line([(x, y), (x + slant * length, y + length)], fill=stage.rng.randrange(70, 190), width=max(1, w // 320))
    stage.lay(mask, colour, 0.7)


def stars(stage: Stage, n: int, down_to: float = 1.0) -> None:
    """Stars, a few of them with rays."""
    w, h = stage.size
    mask, pen = stage.mask()
    for _ in range(n):
        x, y, r = stage.rng.random() * w, stage.rng.random() * down_to * h, stage.rng.choice([0.5, 0.7, 1.2]) * w / 480
        pen.ellipse((x - r, y - r, x + r, y + r), fill=stage.rng.randrange(120, 256))
    for _ in range(n // 30):
        x, y, r = stage.rng.random() * w, stage.rng.random() * down_to * h, stage.rng.uniform(0.008, 0.02) * w
        pen.polygon([(x - r, y), (x, y - r * 0.14), (x + r, y), (x, y + r * 0.14)], fill=255)
        pen.polygon([(x, y - r), (x + r * 0.14, y), (x, y + r), (x - r * 0.14, y)], fill=255)
    stage.lay(mask, WHITE)


def polygon(stage: Stage, points: Sequence[tuple[float, float]]) -> Image.Image:
    """A mask of one polygon, its corners in fractions."""
    mask = Image.new("L", stage.size, 0)
    ImageDraw.Draw(mask).polygon([stage.at(x, y) for x, y in points], fill=255)
    return mask
