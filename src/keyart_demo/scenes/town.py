"""Scenes in town and on the road."""

from PIL import Image

from keyart_demo.palette import BLACK, contrast, mix
from keyart_demo.scenes.parts import against, disc, floor, is_flat, mist, polygon, rain, ridge, sky  # fmt: skip
from keyart_demo.stage import Room, Stage


def town(stage: Stage) -> Room:
    """Main street at noon: two who face each other, seen low."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.1)
    level = rng.uniform(0.56, 0.64)
    disc(stage, 0.5, level - 0.2, rng.uniform(0.16, 0.26), mix(p.glow, p.paper, 0.5), shine=0.12)
    stage.put(
        "church",
        0.5,
        level - 0.12,
        0.34,
        body=mix(p.field, p.night, 0.62),
        flip=False,
        tones={"detail": mix(p.field, p.night, 0.4)},
    )
    floor(stage, level, mix(p.field, p.deep, 0.5))
    size = rng.uniform(0.3, 0.36)
    x = rng.choice([0.22, 0.78])
    far = rng.uniform(0.1, 0.13)
    stage.put(stage.figures[0], 1 - x, level + 0.03 - far * 0.6, far, body=p.night)
    stage.put(stage.figures[0], x, level + 0.17 - size * 0.64, size, body=p.night)
    floor(stage, level + 0.2)
    return Room(title=(0.79, 0.91)) if rng.random() < 0.6 else Room(title=(0.06, 0.22), cast="title")


def city(stage: Stage) -> Room:
    """A skyline at night or dawn, a street, someone in it."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.5)
    level = rng.uniform(0.56, 0.64)
    if rng.random() < 0.6:
        disc(
            stage,
            rng.uniform(0.25, 0.75),
            level - rng.uniform(0.16, 0.3),
            rng.uniform(0.12, 0.26),
            rng.choice([p.accent, mix(p.glow, p.paper, 0.4)]),
            shine=0.12,
        )
    for tone, size in ((0.35, 0.36), (0.75, 0.3)):
        ink = mix(mix(p.field, p.deep, 0.3), p.night, tone)
        stage.put(
            "skyline",
            0.5,
            level - size * 0.55,
            size,
            body=ink,
            brush="flat",
            tones={"detail": p.glow if tone > 0.5 else mix(ink, p.glow, 0.4)},
        )
    floor(stage, level, mix(p.deep, p.night, 0.6))
    if not is_flat(stage):
        w, h = stage.size
        strip = stage.image.crop((0, round((level - 0.16) * h), w, round(level * h)))
        mirrored = strip.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        stage.image.paste(mirrored, (0, round(level * h)), Image.new("L", mirrored.size, 70))
        mist(stage, level, 0.06, mix(p.glow, p.field, 0.4), 0.4)
    size = rng.uniform(0.24, 0.4)
    stage.put(
        stage.figures[0], rng.choice([0.3, 0.5, 0.7]), level + 0.14 - size * 0.62, size, body=mix(p.night, BLACK, 0.4)
    )
    if stage.motifs and rng.random() < 0.4:
        stage.put(
            stage.motifs[0],
            rng.choice([0.25, 0.75]),
            rng.uniform(0.16, 0.24),
            rng.uniform(0.12, 0.18),
            body=against(stage),
        )
    if rng.random() < 0.35:
        rain(stage, p.paper)
    floor(stage, level + 0.15)
    return Room(title=(0.78, 0.91)) if rng.random() < 0.7 else Room(title=(0.05, 0.22), cast="title")


def road(stage: Stage) -> Room:
    """A road or a grid that runs to the horizon."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.4)
    level = rng.uniform(0.44, 0.54)
    x = rng.choice([0.4, 0.5, 0.6])
    disc(stage, x, level - rng.uniform(0.02, 0.12), rng.uniform(0.16, 0.3), rng.choice([p.accent, p.glow]), shine=0.12)
    if rng.random() < 0.5:
        stage.put("skyline", 0.5, level - 0.09, 0.2, body=p.night, brush="flat")
    else:
        stage.lay(ridge(stage, level - 0.01, 0.05, sharp=1.0), p.night)
    w, h = stage.size
    floor(stage, level, p.deep)
    tarmac = mix(p.night, p.deep, 0.25)
    if stage.era.name == "airbrush" or rng.random() < 0.25:
        grid, pen = stage.mask()
        for k in range(-14, 15):
            pen.line([stage.at(x + k * 0.02, level), stage.at(x + k * 0.24, 1.0)], fill=255, width=max(1, w // 240))
        y, step = level, 0.006
        while y < 1:
            pen.line([(0, y * h), (w, y * h)], fill=255, width=max(1, w // 240))
            y, step = y + step, step * 1.32
        stage.glow(grid, p.accent, 0.012, 0.7)
        stage.lay(grid, mix(p.accent, p.glow, 0.3))
    else:
        way = polygon(stage, [(x - 0.008, level), (x + 0.008, level), (1.05, 1.0), (-0.05, 1.0)])
        stage.lay(way, tarmac)
        for k in range(6):
            t0, t1 = 0.03 + (k / 6) ** 2, 0.03 + ((k + 0.5) / 6) ** 2
            y0, y1 = level + (1 - level) * t0, level + (1 - level) * t1
            cx0, cx1 = x + (0.5 - x) * t0, x + (0.5 - x) * t1
            stage.lay(
                polygon(
                    stage,
                    [(cx0 - 0.012 * t0, y0), (cx0 + 0.012 * t0, y0), (cx1 + 0.014 * t1, y1), (cx1 - 0.014 * t1, y1)],
                ),
                p.glow,
            )
    subject = rng.choice([stage.figures[0], *(m for m in stage.motifs if m in ("car", "motorbike", "train"))])
    size = rng.uniform(0.2, 0.3)
    dark = contrast(p.night, mix(tarmac, p.deep, 0.5)) > 1.7
    stage.put(
        subject,
        0.5,
        level + 0.19 - size * 0.5,
        size,
        body=p.night if dark else mix(p.paper, p.glow, 0.5),
        ground=tarmac,
    )
    return Room(title=(0.76, 0.9)) if rng.random() < 0.55 else Room(title=(0.06, 0.24), cast="title")
