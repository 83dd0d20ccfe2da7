"""Graphic scenes: one sign, diagonals, stripes, grids, rings."""

import math

from PIL import ImageChops

from keyart_demo.ink import halo, lay, ramp
from keyart_demo.palette import BLACK, Colour, contrast, luminance, mix
from keyart_demo.scenes.parts import against, is_flat, polygon
from keyart_demo.stage import Room, Stage
from keyart_demo.texture import halftone


def icon(stage: Stage) -> Room:
    """One large object, and nothing else."""
    rng, p = stage.rng, stage.palette
    y = rng.uniform(0.36, 0.44)
    size = rng.uniform(0.3, 0.42)
    thing = stage.motifs[0] if stage.motifs else stage.figures[0]
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, y), 0.62 * stage.size[0]), mix(p.field, p.glow, 0.5), 0.7)
    framing = rng.random()
    ground = stage.ground
    if framing < 0.3:
        around, pen = stage.mask()
        w, h = stage.size
        r = size * 1.12 * w
        pen.ellipse((w / 2 - r, y * h - r, w / 2 + r, y * h + r), fill=255)
        options = [c for c in (p.paper, p.accent, p.glow, p.deep, p.field) if contrast(c, stage.ground) > 1.7]
        ground = rng.choice(options or [p.paper])
        stage.lay(around, ground)
        size *= 0.78
    body = against(stage, ground)
    loud = [c for c in (p.accent, p.paper, p.deep, p.glow) if contrast(c, ground) > 3.0]
    if loud and rng.random() < 0.35:
        body = rng.choice(loud)
    bleed = rng.random() < 0.2
    if bleed:
        size *= 1.5
    stage.put(
        thing,
        rng.choice([0.5, 0.5, 0.3, 0.7]) if bleed else 0.5,
        y,
        size,
        angle=rng.choice([0, 0, rng.uniform(-24, 24)]),
        ground=ground,
        body=body,
    )
    if rng.random() < 0.3:
        small = rng.uniform(0.08, 0.12)
        stage.put(stage.figures[0], rng.choice([0.25, 0.5, 0.75]), 0.69 - small * 0.62, small, body=against(stage))
    if rng.random() < 0.75:
        return Room(title=(0.71, 0.89), align=rng.choice(["centre", "centre", "left"]))
    return Room(title=(0.06, 0.21), cast="title", align=rng.choice(["centre", "left"]))


def diagonal(stage: Stage) -> Room:
    """The sheet divided by a diagonal, with a figure on it."""
    rng, p = stage.rng, stage.palette
    rise = rng.choice([-1, 1]) * rng.uniform(0.08, 0.22)
    if is_flat(stage) or rng.random() < 0.4:
        stage.ground = rng.choice([p.field, p.glow, p.paper, p.night])
        stage.image.paste(stage.ground, (0, 0, *stage.size))
    inks = [c for c in (p.accent, p.deep, p.glow, p.night) if contrast(c, stage.ground) > 1.5] or [p.accent]
    for k in range(rng.choice([1, 2, 3])):
        y = 0.3 + 0.15 * k
        ink = inks[k % len(inks)]
        stage.lay(
            polygon(stage, [(-0.1, y + rise), (1.1, y - rise), (1.1, y + 0.09 - rise), (-0.1, y + 0.09 + rise)]),
            ink,
            1.0 if is_flat(stage) else 0.85,
        )
    if stage.motifs:
        stage.put(
            stage.motifs[0],
            rng.choice([0.26, 0.74]),
            rng.uniform(0.22, 0.3),
            rng.uniform(0.24, 0.32),
            angle=rng.uniform(-15, 15),
            body=against(stage),
        )
    size = rng.uniform(0.42, 0.54)
    stage.put(
        stage.figures[0],
        rng.uniform(0.42, 0.58),
        0.45,
        size,
        angle=math.degrees(math.atan(-rise)) * 0.6,
        body=p.night if luminance(stage.ground) > 0.06 else mix(p.paper, p.accent, 0.3),
    )
    lower = polygon(stage, [(-0.1, 0.68 + rise * 0.4), (1.1, 0.68 - rise * 0.4), (1.1, 1.1), (-0.1, 1.1)])
    stage.lay(lower, rng.choice([p.night, p.night, p.accent, p.deep]))
    return Room(title=(0.73, 0.89))


def scatter(stage: Stage) -> Room:
    """Many things about the title."""
    rng, p = stage.rng, stage.palette
    things = [*stage.motifs, *stage.figures][:5]
    spots = [
        (0.2, 0.14),
        (0.54, 0.12),
        (0.84, 0.17),
        (0.16, 0.34),
        (0.84, 0.38),
        (0.5, 0.3),
        (0.18, 0.76),
        (0.52, 0.8),
        (0.84, 0.75),
    ]
    inks = [c for c in (p.accent, p.night, p.deep, p.paper, p.glow) if contrast(c, stage.ground) > 1.9] or [p.night]
    for i, (x, y) in enumerate(spots):
        ink = inks[i % len(inks)]
        stage.put(
            things[i % len(things)],
            x + rng.uniform(-0.03, 0.03),
            y + rng.uniform(-0.02, 0.02),
            rng.uniform(0.12, 0.17),
            angle=rng.uniform(-22, 22),
            body=ink,
            tones={"fur": ink},
        )
    return Room(title=(0.43, 0.66), cast="none")


def stripes(stage: Stage) -> Room:
    """Bands, a picture in each."""
    rng, p = stage.rng, stage.palette
    n = rng.choice([3, 3, 4])
    across = rng.random() < 0.5
    inks = [p.accent, p.field, p.deep, p.glow, p.night]
    rng.shuffle(inks)
    things = [*stage.figures[:2], *stage.motifs] or ["profile"]
    top, bottom = 0.0, 0.68
    band: list[tuple[float, float]]
    for i in range(n):
        a, b = i / n, (i + 1) / n
        if across:
            y0, y1 = top + (bottom - top) * a, top + (bottom - top) * b
            band, at, size = [(0, y0), (1, y0), (1, y1), (0, y1)], (rng.uniform(0.3, 0.7), (y0 + y1) / 2), 0.3 / n * 1.5
        else:
            band, at, size = [(a, top), (b, top), (b, bottom), (a, bottom)], ((a + b) / 2, 0.36), 0.62 / n
        ink = inks[i % len(inks)]
        mask = polygon(stage, band)
        if is_flat(stage):
            stage.lay(mask, ink)
        else:
            lay(stage.image, mask, ramp(stage.size, (mix(ink, p.night, 0.5), ink, mix(ink, p.paper, 0.25)), 0))
        held = stage.image.copy()
        stage.put(
            "profile" if rng.random() < 0.25 else things[i % len(things)],
            *at,
            size * (1.5 if not across else 1.0),
            body=against(stage, ink),
        )
        stage.image.paste(held, (0, 0), ImageChops.invert(mask))
    base = rng.choice([p.paper, p.night])
    stage.lay(polygon(stage, [(0, bottom), (1, bottom), (1, 1), (0, 1)]), base)
    stage.ground = base
    return Room(title=(0.71, 0.89), align=rng.choice(["centre", "left"]))


def grid(stage: Stage) -> Room:
    """A contact sheet: pictures in two inks, screened."""
    rng, p = stage.rng, stage.palette
    base = rng.choice([p.paper, p.paper, p.night, p.field])
    stage.ground = base
    stage.image.paste(base, (0, 0, *stage.size))
    columns, rows = rng.choice([(2, 2), (2, 3), (3, 3), (1, 2)])
    w, h = stage.size
    left, top, right, bottom, gap = 0.07, 0.06, 0.93, 0.66, 0.018
    held = stage.image.copy()
    things = [*stage.motifs, "portrait", *stage.figures, "portrait"]
    cw, ch = (right - left - gap * (columns - 1)) / columns, (bottom - top - gap * 0.67 * (rows - 1)) / rows
    for j in range(rows):
        for i in range(columns):
            x0, y0 = left + i * (cw + gap), top + j * (ch + gap * 0.67)
            cell = polygon(stage, [(x0, y0), (x0 + cw, y0), (x0 + cw, y0 + ch), (x0, y0 + ch)])
            dark, light = rng.choice([(p.night, p.glow), (p.deep, p.paper), (p.night, p.field), (p.accent, p.paper)])
            lay(
                stage.image,
                cell,
                ramp(stage.size, (mix(dark, light, 0.75), mix(dark, light, 0.45)), rng.choice([0, 180])),
            )
            thing = things[(i + j * columns + (j % 2)) % len(things)]
            size = min(cw, ch * h / w) * (0.46 if thing != "portrait" else 0.52)
            stage.put(
                thing,
                x0 + cw / 2,
                y0 + ch / 2 + (0.03 if thing == "portrait" else 0),
                size,
                body=dark,
                tones={"skin": mix(dark, light, 0.9), "hair": dark, "cloth": mix(dark, light, 0.2)},
                brush="flat",
            )
            stage.image.paste(held, (0, 0), ImageChops.invert(cell))
            held = stage.image.copy()
    if rng.random() < 0.5:
        box = (round(left * w), round(top * h), round(right * w), round(bottom * h))
        piece = stage.image.crop(box)
        dots = halftone(piece.convert("L").resize(piece.size), max(3, w // 110), 30)
        stage.image.paste(mix(p.night, BLACK, 0.3), box, dots.point([v // 3 for v in range(256)]))
    return Room(title=(0.69, 0.88), align="left")


def rings(stage: Stage) -> Room:
    """Rings or a spiral, someone falling into it."""
    rng, p = stage.rng, stage.palette
    a, b = rng.choice(
        [(p.night, p.accent), (p.night, p.field), (p.deep, p.glow), (p.paper, p.accent), (p.night, p.glow)]
    )
    stage.ground = a
    stage.image.paste(a, (0, 0, *stage.size))
    cx, cy = stage.at(0.5, 0.38)
    w = stage.size[0]
    mask, pen = stage.mask()
    if rng.random() < 0.5:
        for k in range(13, 0, -1):
            r = w * 0.062 * k
            pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255 if k % 2 else 0)
    else:
        arms = rng.choice([2, 3, 4])
        for arm in range(arms):
            outer: list[tuple[float, float]] = []
            inner: list[tuple[float, float]] = []
            for i in range(90):
                t = i / 89
                turn = 2 * math.pi * (arm / arms + 1.6 * t)
                r = w * 0.95 * t**1.2
                outer.append((cx + r * math.cos(turn), cy + r * math.sin(turn)))
                turn += math.pi / arms
                inner.append((cx + r * math.cos(turn), cy + r * math.sin(turn)))
            pen.polygon(outer + inner[::-1], fill=255)
    if is_flat(stage):
        stage.lay(mask, b)
    else:
        stage.glow(mask, b, 0.03, 0.5)
        stage.lay(mask, ramp(stage.size, (b, mix(b, a, 0.6))))
    thing = stage.motifs[0] if stage.motifs and rng.random() < 0.5 else stage.figures[0]
    size = rng.uniform(0.2, 0.3)
    shadow: Colour = p.night if luminance(b) > 0.2 and a != p.night else p.paper
    stage.put(thing, 0.5, 0.38, size, angle=rng.uniform(-60, 60), body=shadow)
    base = polygon(stage, [(0, 0.7), (1, 0.7), (1, 1), (0, 1)])
    stage.lay(base, a)
    return Room(title=(0.72, 0.89))
