"""Scenes of people: floating heads, portraits, double exposures, line-ups, figures at doors and blinds."""

from PIL import Image, ImageChops

from keyart_demo.ink import halo, lay, ramp, soften
from keyart_demo.motifs.heads import profile
from keyart_demo.palette import BLACK, WHITE, luminance, mix
from keyart_demo.scenes.land import forest
from keyart_demo.scenes.parts import against, birds, floor, is_flat, mist, polygon, ridges, sink
from keyart_demo.stage import Room, Stage


def heads(stage: Stage) -> Room:
    """Floating heads above a small scene."""
    rng, p = stage.rng, stage.palette
    before = stage.image.copy()
    n = rng.choice([2, 2, 3])
    low = rng.uniform(0.28, 0.34)
    spots = {
        2: [(0.31, low - 0.02, 0.3), (0.7, low + 0.03, 0.27)],
        3: [(0.22, low + 0.06, 0.22), (0.79, low + 0.06, 0.22), (0.5, low - 0.04, 0.27)],
    }[n]
    if rng.random() < 0.5:
        spots = [(1 - x, y, s) for x, y, s in spots]
    for x, y, size in spots:
        tint = rng.choice([p.field, p.glow, p.accent])
        skin = mix((220, 166, 128), tint, 0.1 if not is_flat(stage) else 0.6)
        tones = {
            "skin": mix(skin, (96, 58, 40), rng.choice([0, 0, 0.25, 0.5])),
            "hair": mix(p.night, rng.choice([(74, 42, 24), (150, 104, 52), (30, 26, 28), (122, 60, 30)]), 0.6),
        }
        stage.put(
            "portrait", x, y, size * rng.uniform(0.95, 1.1), tones=tones, brush="photo" if not is_flat(stage) else None
        )
    if is_flat(stage):
        floor(stage, 0.56, stage.rng.choice([p.deep, p.night]))
    else:
        sink(stage, before, low + 0.12, low + 0.3)
        mist(stage, 0.58, 0.16, mix(p.field, p.glow, 0.4), 0.55)
    floor_ink = mix(p.night, BLACK, 0.3)
    kind = rng.random()
    if kind < 0.55 and stage.motifs:
        stage.put(stage.motifs[0], 0.5, 0.575, rng.uniform(0.21, 0.28), body=floor_ink)
    elif kind < 0.85:
        stage.put(stage.figures[0], rng.choice([0.36, 0.5, 0.64]), 0.6, 0.14, body=floor_ink)
    else:
        stage.put("skyline", 0.5, 0.63, 0.26, body=floor_ink, brush="flat", tones={"detail": p.glow})
    if not is_flat(stage):
        floor(stage, 0.69, mix(p.night, p.deep, 0.2))
        mist(stage, 0.69, 0.08, mix(p.night, p.deep, 0.4), 0.8)
    return Room(title=(0.72, 0.89))


def portrait(stage: Stage) -> Room:
    """One face fills the sheet."""
    rng, p = stage.rng, stage.palette
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, 0.35), 0.8 * stage.size[0]), p.field, 0.6)
    before = stage.image.copy()
    tint = rng.choice([p.field, p.glow, p.paper])
    amount = 0.72 if is_flat(stage) or rng.random() < 0.3 else 0.1
    tones = {"skin": mix((216, 162, 126), tint, amount)}
    x = rng.choice([0.5, 0.5, 0.3, 0.7])
    size = rng.uniform(0.5, 0.62)
    stage.put("portrait", x, 0.4, size, tones=tones, brush="photo" if not is_flat(stage) else None)
    if not is_flat(stage):
        if rng.random() < 0.5:
            half, pen = stage.mask()
            w, h = stage.size
            pen.rectangle((w * x, 0, w, h) if rng.random() < 0.5 else (0, 0, w * x, h), fill=255)
            stage.lay(soften(half, 0.1 * w), mix(p.night, BLACK, 0.3), 0.75)
        sink(stage, before, 0.6, 0.84, mix(p.night, p.deep, 0.2))
    elif rng.random() < 0.6:
        floor(stage, 0.7, rng.choice([p.accent, p.night, p.deep]))
    if stage.motifs and rng.random() < 0.75:
        stage.put(stage.motifs[0], rng.choice([0.22, 0.5, 0.78]), 0.63, 0.17, body=against(stage, p.deep))
    return Room(title=(0.7, 0.89))


def double(stage: Stage) -> Room:
    """A profile with a landscape inside it."""
    rng, p = stage.rng, stage.palette
    light = rng.choice([p.paper, mix(p.glow, p.paper, 0.6), p.field])
    stage.ground = light
    stage.image.paste(light, (0, 0, *stage.size))
    if not is_flat(stage):
        lay(
            stage.image,
            halo(stage.size, stage.at(0.5, 0.4), 0.9 * stage.size[0], squash=1.3),
            mix(light, WHITE, 0.5),
            0.8,
        )
    outside = stage.image.copy()
    x = rng.uniform(0.46, 0.56)
    pen = stage.pen(x, 0.37, rng.uniform(0.4, 0.48), flip=rng.random() < 0.5)
    profile(pen, rng)
    shape = pen.layers["body"]
    if rng.random() < 0.3:
        forest(stage)
    else:
        _inner_land(stage, x)
    lay(stage.image, halo(stage.size, stage.at(x, 0.1), 0.7 * stage.size[0]), p.deep, 0.5)
    inside = stage.image
    stage.image = outside
    lay(stage.image, shape, inside)
    sink(stage, outside.copy(), 0.62, 0.72, light)
    stage.ground = light
    return Room(title=(0.71, 0.89), align=rng.choice(["centre", "centre", "left"]))


def _inner_land(stage: Stage, x: float) -> None:
    """A small landscape that fits within a head: a sky, hills, one object, one figure."""
    rng, p = stage.rng, stage.palette
    stage.image.paste(ramp(stage.size, (p.night, p.deep, p.field, p.glow, p.glow)))
    birds(stage, 6, p.night, 0.14, 0.24)
    if stage.motifs and rng.random() < 0.7:
        stage.put(stage.motifs[0], x, rng.uniform(0.27, 0.34), rng.uniform(0.16, 0.22), body=p.night, ground=p.field)
    ridges(stage, rng.uniform(0.4, 0.46), 0.62, n=4, sharp=rng.choice([0.0, 0.5, 1.0]))
    stage.put(stage.figures[0], x + rng.uniform(-0.1, 0.1), 0.5, 0.1, body=p.night)


def lineup(stage: Stage) -> Room:
    """Everyone in a row before a plain ground."""
    rng, p = stage.rng, stage.palette
    if stage.era.brush not in ("airbrush", "painted") or rng.random() < 0.6:
        stage.ground = rng.choice([p.field, p.glow, p.paper, p.accent])
        stage.image.paste(stage.ground, (0, 0, *stage.size))
    if rng.random() < 0.4:
        big, pen = stage.mask()
        w, h = stage.size
        r = 0.42 * w
        pen.ellipse((w / 2 - r, 0.46 * h - r, w / 2 + r, 0.46 * h + r), fill=255)
        stage.lay(big, mix(stage.ground, p.paper if luminance(stage.ground) < 0.6 else p.accent, 0.6))
    n = rng.choice([2, 3, 4])
    creatures = [
        f for f in (*stage.figures, *stage.motifs) if f in ("blobling", "cat", "dog", "shades", "robot", "ghost")
    ]
    if len(creatures) < 2 and rng.random() < 0.6:
        creatures = []
    cast = creatures or list(stage.figures)
    inks = [
        c for c in (p.accent, p.deep, p.field, p.night, p.glow) if abs(luminance(c) - luminance(stage.ground)) > 0.07
    ]
    inks = inks or [p.night]
    base = 0.64
    for i in range(n):
        x = 0.5 + (i - (n - 1) / 2) * (0.74 / n)
        size = rng.uniform(0.78, 1.1) * min(0.26, 0.56 / n)
        tall = 1.0 if creatures else 1.55
        ink = inks[i % len(inks)]
        stage.put(
            rng.choice(cast),
            x,
            base - size * tall * 0.62,
            size * tall,
            body=ink if rng.random() < 0.6 else p.night,
            tones={"fur": ink, "detail": inks[(i + 1) % len(inks)]},
        )
    if rng.random() < 0.5:
        floor(stage, base, rng.choice([p.deep, p.accent, p.paper]))
    elif not is_flat(stage):
        shade, pen = stage.mask()
        w, h = stage.size
        pen.ellipse((0.08 * w, (base - 0.008) * h, 0.92 * w, (base + 0.014) * h), fill=255)
        stage.lay(soften(shade, 0.015 * w), p.night, 0.4)
    return Room(title=(0.69, 0.89)) if rng.random() < 0.65 else Room(title=(0.08, 0.29), cast="title")


def blinds(stage: Stage) -> Room:
    """A figure in the light of a Venetian blind."""
    rng, p = stage.rng, stage.palette
    stage.ground = mix(p.night, p.deep, 0.5)
    stage.image.paste(stage.ground, (0, 0, *stage.size))
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, 0.4), 0.8 * stage.size[0]), p.deep, 0.9)
    light = rng.choice([p.glow, p.glow, p.accent, p.field])
    slats = Image.new("L", stage.size, 0)
    n, tilt = rng.choice([9, 11, 14]), rng.uniform(-0.07, 0.07)
    x0, x1 = rng.choice([(-0.1, 1.1), (0.1, 0.9), (0.22, 1.1)])
    for k in range(n):
        y = 0.06 + 0.62 * k / n
        slats = ImageChops.lighter(
            slats,
            polygon(stage, [(x0, y - tilt), (x1, y + tilt), (x1, y + tilt + 0.36 / n), (x0, y - tilt + 0.36 / n)]),
        )
    lay(stage.image, slats if is_flat(stage) else soften(slats, 0.006 * stage.size[0]), light, 0.92)
    kind = rng.random()
    if kind < 0.45:
        mask = stage.put("profile", 0.5, 0.4, rng.uniform(0.34, 0.42), body=p.night)
    elif kind < 0.85 or not stage.motifs:
        size = rng.uniform(0.38, 0.46)
        mask = stage.put(stage.figures[0], rng.choice([0.4, 0.5, 0.6]), 0.7 - size * 0.6, size, body=p.night)
    else:
        mask = stage.put(stage.motifs[0], 0.5, 0.4, 0.34, body=p.night)
    edge = ImageChops.multiply(mask, ImageChops.multiply(slats, Image.new("L", stage.size, 255)))
    lay(stage.image, edge, light, 0.1 if is_flat(stage) else 0.2)
    floor(stage, 0.7)
    return Room(title=(0.73, 0.9))


def door(stage: Stage) -> Room:
    """An open door, or a window, and a long shadow."""
    rng, p = stage.rng, stage.palette
    wall = rng.choice([p.deep, mix(p.night, p.deep, 0.5), p.field])
    stage.ground = wall
    stage.image.paste(wall, (0, 0, *stage.size))
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, 0.4), 0.8 * stage.size[0]), mix(wall, p.glow, 0.35), 0.8)
    floor(stage, 0.58, mix(wall, p.night, 0.5))
    x = rng.choice([0.3, 0.5, 0.7])
    lit = rng.choice([p.glow, p.paper, p.accent])
    stage.put(
        "door",
        x,
        0.43,
        rng.uniform(0.26, 0.36),
        tones={"light": lit, "glow": lit, "shade": mix(lit, wall, 0.5)},
        body=p.night,
    )
    if rng.random() < 0.6:
        size = rng.uniform(0.17, 0.24)
        stage.put(
            stage.figures[0], 1 - x if x != 0.5 else rng.choice([0.22, 0.78]), 0.66 - size * 0.6, size, body=p.night
        )
    if stage.motifs and rng.random() < 0.4:
        stage.put(stage.motifs[0], 1 - x if x != 0.5 else 0.8, 0.22, 0.15, body=against(stage, wall))
    floor(stage, 0.72, mix(p.night, wall, 0.1))
    return Room(title=(0.74, 0.9))
