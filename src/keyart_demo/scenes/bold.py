"""Loud scenes: the title as picture, tiles, giants, walking away from fire, two halves of a face, a keyhole."""

from PIL import Image, ImageChops

from keyart_demo.ink import halo, lay, soften
from keyart_demo.palette import BLACK, WHITE, contrast, luminance, mix
from keyart_demo.scenes.parts import against, disc, floor, is_flat, mist, polygon, ridge, sky
from keyart_demo.stage import Room, Stage


def _thing(stage: Stage) -> str:
    return stage.motifs[0] if stage.motifs else stage.figures[0]


def typographic(stage: Stage) -> Room:
    """The title fills the sheet; behind it the genre's object, tone on tone."""
    rng, p = stage.rng, stage.palette
    stage.ground = rng.choice([p.field, p.accent, p.night, p.paper, p.deep, p.glow])
    stage.image.paste(stage.ground, (0, 0, *stage.size))
    align = rng.choice(["centre", "left"])
    if rng.random() < 0.3:
        x = 0.5 if align == "centre" else rng.choice([0.3, 0.68])
        stage.put(_thing(stage), x, 0.76, rng.uniform(0.19, 0.25), angle=rng.uniform(-10, 10), body=against(stage))
        return Room(title=(0.1, 0.58), align=align, big=True)
    near = mix(stage.ground, p.night, 0.22) if luminance(stage.ground) > 0.15 else mix(stage.ground, p.glow, 0.3)
    quiet = dict.fromkeys(
        ("detail", "light", "fur", "leaf", "skin", "hair", "cloth", "white"), mix(near, stage.ground, 0.4)
    )
    x, y = rng.choice([0.3, 0.5, 0.7]), rng.uniform(0.35, 0.5)
    stage.put(
        _thing(stage), x, y, rng.uniform(0.5, 0.62), angle=rng.uniform(-15, 15), body=near, brush="flat", tones=quiet
    )
    small = rng.uniform(0.09, 0.13)
    if rng.random() < 0.7:
        thing = rng.choice([_thing(stage), stage.figures[0]])
        stage.put(thing, rng.choice([0.2, 0.5, 0.8]), 0.83, small, body=against(stage))
    return Room(title=(0.12, 0.66), align=align, big=True)


def tiles(stage: Stage) -> Room:
    """One motif, printed over and over in changing inks."""
    rng, p = stage.rng, stage.palette
    columns, rows = rng.choice([(2, 2), (2, 3), (3, 3), (3, 4)])
    inks = [p.field, p.accent, p.glow, p.deep, p.paper]
    rng.shuffle(inks)
    thing, seed = _thing(stage), rng.getrandbits(30)
    if rng.random() < 0.25:
        thing = "portrait"
    bottom = 0.68
    stage.ground = rng.choice([p.night, p.paper])
    stage.image.paste(stage.ground, (0, 0, *stage.size))
    for j in range(rows):
        for i in range(columns):
            ground = inks[(i + 2 * j) % len(inks)]
            x0, x1, y0, y1 = i / columns, (i + 1) / columns, bottom * j / rows, bottom * (j + 1) / rows
            cell = polygon(stage, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
            stage.lay(cell, ground)
            others = [c for c in (*inks, p.night) if contrast(c, ground) > 2.2] or [p.night, p.paper]
            ink = others[(i + j) % len(others)]
            size = min(0.42 / columns, 0.42 * bottom * 1.5 / rows)
            stage.put(
                thing,
                (x0 + x1) / 2,
                (y0 + y1) / 2,
                size,
                body=ink,
                ground=ground,
                flip=False,
                seed=seed,
                brush="flat",
                tones={"skin": others[0], "hair": p.night, "fur": ink, "detail": ink},
            )
    return Room(title=(0.71, 0.89), cast="none", align=rng.choice(["centre", "left"]))


def giant(stage: Stage) -> Room:
    """Something looms over a small world."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.45)
    level = rng.uniform(0.6, 0.66)
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, 0.36), 0.7 * stage.size[0]), mix(p.glow, WHITE, 0.2), 0.75)
    elif rng.random() < 0.5:
        disc(stage, 0.5, 0.34, 0.36, p.glow)
    stage.put(
        _thing(stage),
        0.5,
        rng.uniform(0.32, 0.38),
        rng.uniform(0.34, 0.46),
        angle=rng.uniform(-8, 8),
        body=mix(p.night, p.deep, 0.35),
    )
    mist(stage, level - 0.06, 0.16, mix(p.field, p.glow, 0.5), 0.6)
    if rng.random() < 0.6:
        stage.put("skyline", 0.5, level - 0.06, 0.22, body=p.night, brush="flat", tones={"detail": p.glow})
    else:
        stage.lay(ridge(stage, level - 0.02, 0.035, sharp=rng.choice([0.0, 1.0])), p.night)
    size = rng.uniform(0.07, 0.11)
    stage.put(
        stage.figures[0],
        rng.choice([0.3, 0.5, 0.7]),
        level + 0.03 - size * 0.6,
        size,
        body=mix(p.night, BLACK, 0.5),
        brush="flat",
    )
    floor(stage, level + 0.025)
    return Room(title=(0.73, 0.9))


def blaze(stage: Stage) -> Room:
    """A few of them walk towards us, everything behind them alight."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.7)
    level = rng.uniform(0.6, 0.66)
    for _ in range(rng.choice([1, 2])):
        stage.put(
            "burst",
            rng.uniform(0.3, 0.7),
            level - rng.uniform(0.14, 0.26),
            rng.uniform(0.36, 0.52),
            tones={"detail": p.accent, "glow": p.glow, "light": p.paper},
        )
    if not is_flat(stage):
        lay(stage.image, halo(stage.size, stage.at(0.5, level - 0.15), 0.62 * stage.size[0]), p.glow, 0.55)
    n = rng.choice([1, 2, 3])
    for i in range(n):
        x = 0.5 + (i - (n - 1) / 2) * 0.27
        size = rng.uniform(0.27, 0.36) * (1.12 if n == 1 else 1.0)
        stage.put(rng.choice(stage.figures), x, level + 0.06 - size * 0.62, size, body=mix(p.night, BLACK, 0.4))
    floor(stage, level + 0.05)
    if stage.motifs and rng.random() < 0.4:
        stage.put(stage.motifs[0], rng.choice([0.22, 0.78]), 0.17, 0.13, body=against(stage))
    return Room(title=(0.72, 0.9))


def split(stage: Stage) -> Room:
    """Two faces, half of each."""
    rng, p = stage.rng, stage.palette
    w, h = stage.size
    left, right = rng.choice([(p.deep, p.glow), (p.accent, p.night), (p.field, p.deep), (p.night, p.paper)])
    stage.image.paste(left, (0, 0, *stage.size))
    one = stage.image.copy()
    half, pen = stage.mask()
    pen.rectangle((w // 2, 0, w, h), fill=255)
    manner = None if is_flat(stage) else "photo"
    tint = 0.5 if is_flat(stage) else 0.14
    size = rng.uniform(0.5, 0.58)
    stage.put("portrait", 0.5, 0.4, size, tones={"skin": mix((222, 168, 130), p.glow, tint)}, brush=manner)
    one = stage.image.copy()
    stage.image.paste(right, (0, 0, *stage.size))
    stage.put("portrait", 0.5, 0.4, size, tones={"skin": mix((178, 124, 92), p.field, tint)}, brush=manner)
    one.paste(stage.image, (0, 0), half)
    stage.image = one
    stage.ground = p.night
    floor(stage, 0.69, rng.choice([p.night, p.accent, p.paper]))
    if stage.motifs and rng.random() < 0.75:
        stage.put(stage.motifs[0], 0.5, 0.62, 0.15, body=mix(p.night, BLACK, 0.4))
    return Room(title=(0.72, 0.89))


def keyhole(stage: Stage) -> Room:
    """A small bright world inside a shape cut out of the dark."""
    rng, p = stage.rng, stage.palette
    ground = rng.choice([p.night, p.accent, p.paper, p.deep])
    sky(stage, night=0.1)
    stage.lay(ridge(stage, 0.52, 0.05, sharp=rng.choice([0.0, 1.0])), mix(p.field, p.night, 0.55))
    if stage.motifs:
        stage.put(stage.motifs[0], 0.5, 0.32, rng.uniform(0.16, 0.22), body=p.night)
    size = rng.uniform(0.14, 0.2)
    stage.put(stage.figures[0], 0.5, 0.56 - size * 0.6, size, body=p.night)
    floor(stage, 0.56)
    inside = stage.image
    stage.image = Image.new("RGB", stage.size, ground)
    stage.ground = ground
    hole, pen = stage.mask()
    w, h = stage.size
    kind = rng.randrange(4)
    if kind == 0:
        r = 0.27 * w
        pen.ellipse((w / 2 - r, 0.3 * h - r, w / 2 + r, 0.3 * h + r), fill=255)
        pen.polygon([(w * 0.42, 0.38 * h), (w * 0.58, 0.38 * h), (w * 0.72, 0.64 * h), (w * 0.28, 0.64 * h)], fill=255)
    elif kind == 1:
        pen.pieslice((0.16 * w, 0.12 * h, 0.84 * w, 0.12 * h + 0.68 * w), 180, 360, fill=255)
        pen.rectangle((0.16 * w, 0.12 * h + 0.34 * w, 0.84 * w, 0.64 * h), fill=255)
    elif kind == 2:
        r = 0.38 * w
        pen.ellipse((w / 2 - r, 0.39 * h - r, w / 2 + r, 0.39 * h + r), fill=255)
    else:
        for k in range(3):
            pen.polygon(
                [
                    ((0.1 + 0.28 * k) * w, 0.12 * h),
                    ((0.34 + 0.28 * k) * w, 0.1 * h),
                    ((0.34 + 0.28 * k) * w, 0.64 * h),
                    ((0.1 + 0.28 * k) * w, 0.62 * h),
                ],
                fill=255,
            )
    if not is_flat(stage):
        lay(stage.image, ImageChops.multiply(soften(hole, 0.05 * w), Image.new("L", stage.size, 160)), p.glow)
    lay(stage.image, hole, inside)
    return Room(title=(0.7, 0.89))
