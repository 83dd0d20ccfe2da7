"""Scenes out of doors: land, sea, sky and town."""

from PIL import Image, ImageChops

from onesheet.catalogue.demo.ink import halo, lay, lay_ramp, moved, soften
from onesheet.catalogue.demo.palette import BLACK, WHITE, luminance, mix
from onesheet.catalogue.demo.scenes.parts import (
    against, birds, disc, floor, is_flat, mist, polygon, rain, ridge, ridges, sky, stars,
)  # fmt: skip
from onesheet.catalogue.demo.stage import Room, Stage


def horizon(stage: Stage) -> Room:
    """Ranges of hills, a low sun, one figure, and the genre's object in the distance or the air."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.25)
    level = rng.uniform(0.5, 0.62)
    sun_x = rng.choice([0.33, 0.5, 0.67])
    big = rng.uniform(0.14, 0.34)
    disc(stage, sun_x, level - rng.uniform(0.02, 0.14), big, rng.choice([p.paper, p.accent, mix(p.glow, p.paper, 0.5)]),
         shine=0.12)
    if rng.random() < 0.5:
        birds(stage, rng.randrange(4, 9), p.night)
    behind = rng.random()
    if behind < 0.35 and stage.motifs:
        stage.put(stage.motifs[0], 1 - sun_x if sun_x != 0.5 else 0.5, level - 0.12, rng.uniform(0.2, 0.3),
                  body=mix(p.field, p.night, 0.55))
    ridges(stage, level, level + 0.2, n=rng.choice([3, 4, 5]), sharp=rng.choice([0.0, 0.5, 1.0]),
           height=rng.uniform(0.04, 0.09))
    mist(stage, level + 0.08, 0.1, mix(p.glow, p.field, 0.3), 0.5)
    near = ridge(stage, level + 0.235, 0.012, sharp=0.0)
    x = rng.choice([0.28, 0.36, 0.5, 0.64, 0.72])
    size = rng.uniform(0.1, 0.17)
    stage.put(stage.figures[0], x, level + 0.235 - size * 0.62, size, body=p.night, brush="flat" if is_flat(stage) else None)
    stage.lay(near, mix(p.night, BLACK, 0.2))
    if behind >= 0.35 and stage.motifs and rng.random() < 0.55:
        stage.put(stage.motifs[0], rng.choice([0.25, 0.5, 0.75]), rng.uniform(0.2, 0.3), rng.uniform(0.13, 0.22),
                  angle=rng.uniform(-12, 12), body=against(stage))
    return Room(title=(0.76, 0.9)) if rng.random() < 0.6 else Room(title=(0.07, 0.25), cast="title")


def desert(stage: Stage) -> Room:
    """Mesas under a huge sun, cacti, a rider."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.08)
    level = rng.uniform(0.54, 0.64)
    disc(stage, rng.uniform(0.3, 0.7), level - rng.uniform(0.06, 0.16), rng.uniform(0.22, 0.38),
         rng.choice([p.paper, mix(p.glow, p.paper, 0.4), p.accent]), shine=0.1)
    for tone, drop in ((0.35, 0.0), (0.6, 0.03)):
        x = rng.uniform(-0.1, 0.1)
        while x < 1.1:
            wide, tall = rng.uniform(0.1, 0.28), rng.uniform(0.05, 0.16)
            top = level - tall + drop
            mesa = polygon(stage, [(x, level + 0.05), (x + wide * 0.14, top + tall * 0.45), (x + wide * 0.2, top),
                                   (x + wide * 0.8, top + 0.008), (x + wide * 0.88, top + tall * 0.5),
                                   (x + wide, level + 0.05)])
            stage.lay(mesa, mix(p.field, p.night, tone))
            x += wide + rng.uniform(0.12, 0.4)
    near = ridge(stage, level + 0.06, 0.02, sharp=0.0)
    stage.lay(near, mix(p.field, p.night, 0.72))
    front = ridge(stage, level + 0.16, 0.02, sharp=0.0)
    if rng.random() < 0.7:
        stage.put("cactus", rng.choice([0.14, 0.86]), level + 0.02, rng.uniform(0.14, 0.22), body=p.night)
    figure = stage.figures[0]
    size = rng.uniform(0.18, 0.28)
    stage.put(figure, rng.choice([0.42, 0.5, 0.58]), level + 0.165 - size * 0.62, size, body=p.night)
    stage.lay(front, p.night)
    return Room(title=(0.8, 0.91)) if rng.random() < 0.45 else Room(title=(0.06, 0.24), cast="title")


def town(stage: Stage) -> Room:
    """Main street at noon: two who face each other, seen low."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.1)
    level = rng.uniform(0.56, 0.64)
    disc(stage, 0.5, level - 0.2, rng.uniform(0.16, 0.26), mix(p.glow, p.paper, 0.5), shine=0.12)
    stage.put("church", 0.5, level - 0.12, 0.34, body=mix(p.field, p.night, 0.62), flip=False,
              tones={"detail": mix(p.field, p.night, 0.4)})
    floor(stage, level, mix(p.field, p.deep, 0.5))
    size = rng.uniform(0.3, 0.36)
    x = rng.choice([0.22, 0.78])
    far = rng.uniform(0.1, 0.13)
    stage.put(stage.figures[0], 1 - x, level + 0.03 - far * 0.6, far, body=p.night)
    stage.put(stage.figures[0], x, level + 0.17 - size * 0.64, size, body=p.night)
    floor(stage, level + 0.2)
    return Room(title=(0.79, 0.91)) if rng.random() < 0.6 else Room(title=(0.06, 0.22), cast="title")


def sea(stage: Stage) -> Room:
    """Waves, a ship or a lighthouse, a moon and its path."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.35)
    level = rng.uniform(0.48, 0.58)
    x = rng.choice([0.32, 0.5, 0.68])
    disc(stage, x, level - rng.uniform(0.05, 0.2), rng.uniform(0.1, 0.26), mix(p.glow, p.paper, 0.5), shine=0.12)
    w, h = stage.size
    water, pen = stage.mask()
    pen.rectangle((0, level * h, w, h), fill=255)
    lay_ramp(stage.image, water, (mix(p.field, p.deep, 0.5), p.deep, p.night))
    path, pen = stage.mask()
    for k in range(16):
        y = level + 0.004 + 0.016 * k
        half = rng.uniform(0.03, 0.05 + 0.012 * k)
        cx = x + rng.uniform(-0.03, 0.03)
        pen.ellipse(((cx - half) * w, y * h, (cx + half) * w, (y + 0.005) * h), fill=255)
    stage.lay(path, p.glow, 0.8)
    vessel = rng.choice(["sailing_ship", "sailing_ship", "lighthouse", "sailing_ship"])
    size = rng.uniform(0.2, 0.36)
    stage.put(vessel, 0.5 + rng.uniform(-0.16, 0.16), level + 0.05 - size * 0.5, size, body=p.night)
    for k in range(4):
        swell = ridge(stage, level + 0.07 + 0.06 * k, 0.012 + 0.004 * k, sharp=0.0)
        ink = mix(p.deep, p.night, 0.2 + 0.26 * k)
        stage.lay(ImageChops.subtract(swell, moved(swell, 0, 0.006 * h)), mix(ink, p.glow, 0.4), 0.7)
        stage.lay(moved(swell, 0, 0.006 * h), ink)
    if rng.random() < 0.5:
        birds(stage, 6, p.night, 0.15, 0.35)
    return Room(title=(0.74, 0.9)) if rng.random() < 0.5 else Room(title=(0.06, 0.24), cast="title")


def forest(stage: Stage) -> Room:
    """Trunks in the mist and one small figure."""
    rng, p = stage.rng, stage.palette
    if is_flat(stage):
        stage.ground = rng.choice([p.field, p.glow])
        stage.image.paste(stage.ground, (0, 0, *stage.size))
    else:
        sky(stage, night=0.0)
        lay(stage.image, halo(stage.size, stage.at(0.5, 0.48), 0.7 * stage.size[0]), mix(p.glow, WHITE, 0.25), 0.8)
    pale = stage.ground
    light = mix(p.field, p.glow, 0.6)
    if rng.random() < 0.6:
        disc(stage, 0.5, 0.4, rng.uniform(0.1, 0.2), mix(p.glow, p.paper, 0.6), shine=0.1)
    if rng.random() < 0.4 and stage.motifs:
        stage.put(stage.motifs[0], 0.5, 0.42, 0.22, body=mix(light, p.night, 0.5))
    conifer = rng.random() < 0.4
    for depth in range(4):
        tone = mix(light if not is_flat(stage) else pale, p.night, 0.2 + 0.26 * depth)
        for _ in range(7 - depth):
            x = rng.random()
            if abs(x - 0.5) < 0.05 + 0.07 * depth:
                x = 0.5 + (0.18 + 0.09 * depth) * (1 if x > 0.5 else -1)
            half = (0.008 + 0.009 * depth) * rng.uniform(0.7, 1.5)
            foot = 0.62 + 0.05 * depth
            if conifer:
                stage.put("pine", x, foot - 0.2, 0.2 + 0.09 * depth, body=tone, brush="flat")
                continue
            lean = rng.uniform(-0.03, 0.03)
            trunk = polygon(stage, [(x - half * 1.5, foot + 0.02), (x - half + lean, -0.02), (x + half + lean, -0.02),
                                    (x + half * 1.5, foot + 0.02)])
            stage.lay(trunk, tone)
            for _ in range(2):
                y = rng.uniform(0.05, 0.45)
                side = rng.choice([-1, 1])
                branch = polygon(stage, [(x + lean * (1 - y), y), (x + side * 0.13, y - 0.09),
                                         (x + lean * (1 - y), y + 0.012)])
                stage.lay(branch, tone)
        if depth == 1:
            mist(stage, 0.6, 0.16, light, 0.7)
        if depth == 2:
            size = rng.uniform(0.09, 0.14)
            stage.put(stage.figures[0], 0.5 + rng.uniform(-0.06, 0.06), 0.7 - size * 0.62, size, body=p.night)
    floor(stage, 0.7)
    return Room(title=(0.75, 0.9))


def moon(stage: Stage) -> Room:
    """A huge moon and what stands before it."""
    rng, p = stage.rng, stage.palette
    if is_flat(stage):
        stage.ground = rng.choice([p.deep, p.night, p.field])
        stage.image.paste(stage.ground, (0, 0, *stage.size))
    else:
        sky(stage, night=0.85)
        if rng.random() < 0.6:
            stars(stage, 60, 0.6)
    face = rng.choice([p.glow, p.paper, p.accent])
    if abs(luminance(face) - luminance(stage.ground)) < 0.1:
        face = p.paper
    cx, cy, r = rng.choice([0.4, 0.5, 0.6]), rng.uniform(0.34, 0.42), rng.uniform(0.28, 0.4)
    whole = disc(stage, cx, cy, r, face, shine=0.14)
    for _ in range(5):
        crater, pen = stage.mask()
        x, y = stage.at(cx + rng.uniform(-0.6, 0.6) * r, cy + rng.uniform(-0.4, 0.4) * r)
        s = rng.uniform(0.05, 0.16) * r * stage.size[0]
        pen.ellipse((x - s, y - s, x + s, y + s), fill=255)
        stage.lay(ImageChops.multiply(crater, whole), mix(face, stage.ground, 0.5), 0.25)
    level = rng.uniform(0.58, 0.64)
    thing = stage.motifs[0] if stage.motifs else "bare_tree"
    grounded = thing in ("castle", "house", "bare_tree", "tree", "tentacles", "hand", "crow")
    size = rng.uniform(0.26, 0.36)
    if grounded:
        stage.put(thing, 0.5 + rng.uniform(-0.1, 0.1), level - size * 0.56, size, body=p.night, tones={"leaf": p.night})
    else:
        stage.put(thing, cx, cy, r * rng.uniform(0.55, 0.72), body=p.night)
        stage.put(rng.choice(["bare_tree", "pine"]), rng.choice([0.12, 0.88]), level - 0.12, 0.24, body=p.night)
    if rng.random() < 0.5:
        for _ in range(5):
            stage.put("bat" if "bat" in stage.motifs or rng.random() < 0.3 else "bird", rng.uniform(0.1, 0.9),
                      rng.uniform(0.12, 0.4), rng.uniform(0.018, 0.04), body=p.night, brush="flat")
    near = ridge(stage, level, 0.025, sharp=0.0)
    if rng.random() < 0.6:
        stage.put(stage.figures[0], rng.choice([0.2, 0.78]), level - 0.055, 0.1, body=p.night, brush="flat")
    stage.lay(near, p.night)
    mist(stage, level + 0.04, 0.14, mix(face, p.deep, 0.5), 0.45)
    floor(stage, level + 0.09)
    return Room(title=(0.72, 0.9))


def space(stage: Stage) -> Room:
    """A planet, its ring, and a ship or a lone astronaut."""
    rng, p = stage.rng, stage.palette
    if is_flat(stage):
        stage.ground = rng.choice([p.night, p.deep])
        stage.image.paste(stage.ground, (0, 0, *stage.size))
    else:
        sky(stage, night=1.0)
    stars(stage, 130)
    cx, cy, r = rng.choice([(0.5, 0.4, 0.3), (0.2, 0.3, 0.42), (0.85, 0.28, 0.4), (0.5, 0.86, 0.75), (0.5, 0.02, 0.55)])
    r *= rng.uniform(0.85, 1.1)
    low = cy > 0.7
    body, pen = stage.mask()
    x, y = stage.at(cx, cy)
    px = r * stage.size[0]
    pen.ellipse((x - px, y - px, x + px, y + px), fill=255)
    ink = rng.choice([p.field, p.accent, p.glow])
    if not is_flat(stage):
        stage.glow(body, ink, 0.1, 0.8)
    stage.lay(body, ink)
    for k in range(rng.choice([0, 5, 8])):
        band, pen = stage.mask()
        by = y + px * (-0.85 + 0.22 * k)
        pen.ellipse((x - px * 1.2, by, x + px * 1.2, by + px * 0.1), fill=255)
        stage.lay(ImageChops.multiply(band, body), mix(ink, rng.choice([p.deep, p.paper]), 0.35), 0.7)
    side = rng.choice([-1, 1])
    dark = moved(body, side * px * 0.5, (0.75 if low else 0.3) * px)
    night_side = ImageChops.subtract(body, ImageChops.invert(dark)) if is_flat(stage) else ImageChops.multiply(
        body, soften(dark, 0.12 * px))
    stage.lay(night_side, p.night, 0.82)
    if not low and rng.random() < 0.5:
        _ring(stage, x, y, px, mix(p.glow, p.paper, 0.4))
    ship = stage.motifs[0] if stage.motifs else "rocket"
    where = (rng.choice([0.3, 0.7]), rng.uniform(0.52, 0.6)) if not low else (0.5, rng.uniform(0.26, 0.36))
    stage.put(ship, *where, rng.uniform(0.17, 0.27), angle=rng.uniform(-35, 35), body=mix(p.deep, p.glow, 0.62))
    if rng.random() < 0.45:
        stage.put(stage.figures[0], 1 - where[0], 0.6 if not low else 0.55, 0.09, angle=rng.uniform(-30, 30),
                  body=mix(p.paper, p.field, 0.2), tones={"light": p.night})
    return Room(title=(0.72, 0.89)) if not low and rng.random() < 0.65 else Room(title=(0.06, 0.22), cast="title")


def _ring(stage: Stage, x: float, y: float, px: float, ink: tuple[int, int, int]) -> None:
    layer = Image.new("L", stage.size, 0)
    pen_mask, pen = stage.mask()
    for outer, inner in ((1.75, 1.52), (1.46, 1.32)):
        pen.ellipse((x - px * outer, y - px * outer * 0.24, x + px * outer, y + px * outer * 0.24), fill=230)
        pen.ellipse((x - px * inner, y - px * inner * 0.22, x + px * inner, y + px * inner * 0.22), fill=0)
    front, pen = stage.mask()
    pen.rectangle((0, y, *stage.size), fill=255)
    globe, pen = stage.mask()
    pen.ellipse((x - px, y - px, x + px, y + px), fill=255)
    hidden = ImageChops.multiply(globe, ImageChops.invert(front))
    layer = ImageChops.subtract(pen_mask, hidden)
    turned = layer.rotate(stage.rng.uniform(-25, 25), center=(x, y), resample=Image.Resampling.BILINEAR)
    stage.lay(turned, ink, 0.9)


def city(stage: Stage) -> Room:
    """A skyline at night or dawn, a street, someone in it."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.5)
    level = rng.uniform(0.56, 0.64)
    if rng.random() < 0.6:
        disc(stage, rng.uniform(0.25, 0.75), level - rng.uniform(0.16, 0.3), rng.uniform(0.12, 0.26),
             rng.choice([p.accent, mix(p.glow, p.paper, 0.4)]), shine=0.12)
    for tone, size in ((0.35, 0.36), (0.75, 0.3)):
        ink = mix(mix(p.field, p.deep, 0.3), p.night, tone)
        stage.put("skyline", 0.5, level - size * 0.55, size, body=ink, brush="flat",
                  tones={"detail": p.glow if tone > 0.5 else mix(ink, p.glow, 0.4)})
    floor(stage, level, mix(p.deep, p.night, 0.6))
    if not is_flat(stage):
        w, h = stage.size
        strip = stage.image.crop((0, round((level - 0.16) * h), w, round(level * h)))
        mirrored = strip.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        stage.image.paste(mirrored, (0, round(level * h)), Image.new("L", mirrored.size, 70))
        mist(stage, level, 0.06, mix(p.glow, p.field, 0.4), 0.4)
    size = rng.uniform(0.24, 0.4)
    stage.put(stage.figures[0], rng.choice([0.3, 0.5, 0.7]), level + 0.14 - size * 0.62, size, body=mix(p.night, BLACK, 0.4))
    if stage.motifs and rng.random() < 0.4:
        stage.put(stage.motifs[0], rng.choice([0.25, 0.75]), rng.uniform(0.16, 0.24), rng.uniform(0.12, 0.18),
                  body=against(stage))
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
        stage.lay(way, mix(p.night, p.deep, 0.25))
        for k in range(6):
            t0, t1 = 0.03 + (k / 6) ** 2, 0.03 + ((k + 0.5) / 6) ** 2
            y0, y1 = level + (1 - level) * t0, level + (1 - level) * t1
            cx0, cx1 = x + (0.5 - x) * t0, x + (0.5 - x) * t1
            stage.lay(polygon(stage, [(cx0 - 0.012 * t0, y0), (cx0 + 0.012 * t0, y0), (cx1 + 0.014 * t1, y1),
                                      (cx1 - 0.014 * t1, y1)]), p.glow)
    subject = rng.choice([stage.figures[0], *(m for m in stage.motifs if m in ("car", "motorbike", "train"))])
    size = rng.uniform(0.2, 0.3)
    stage.put(subject, 0.5, level + 0.19 - size * 0.5, size, body=p.night if luminance(p.deep) > 0.03 else mix(
        p.night, p.field, 0.4))
    return Room(title=(0.76, 0.9)) if rng.random() < 0.55 else Room(title=(0.06, 0.24), cast="title")
