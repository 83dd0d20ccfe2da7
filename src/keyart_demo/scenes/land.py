"""Scenes out of doors: hills, desert, woods, the moon."""

from PIL import ImageChops

from keyart_demo.ink import halo, lay
from keyart_demo.motifs import GROUNDED
from keyart_demo.palette import BLACK, WHITE, luminance, mix
from keyart_demo.scenes.parts import (  # fmt: skip
    against,
    birds,
    disc,
    floor,
    is_flat,
    mist,
    polygon,
    ridge,
    ridges,
    sky,
    stars,
)
from keyart_demo.stage import Room, Stage


def horizon(stage: Stage) -> Room:
    """Ranges of hills, a low sun, one figure, and the genre's object in the distance or the air."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.25)
    level = rng.uniform(0.5, 0.62)
    sun_x = rng.choice([0.33, 0.5, 0.67])
    big = rng.uniform(0.14, 0.34)
    disc(
        stage,
        sun_x,
        level - rng.uniform(0.02, 0.14),
        big,
        rng.choice([p.paper, p.accent, mix(p.glow, p.paper, 0.5)]),
        shine=0.12,
    )
    if rng.random() < 0.5:
        birds(stage, rng.randrange(4, 9), p.night)
    behind = rng.random()
    grounded = bool(stage.motifs) and stage.motifs[0] in GROUNDED
    if (behind < 0.35 or (grounded and behind < 0.8)) and stage.motifs:
        stage.put(
            stage.motifs[0],
            1 - sun_x if sun_x != 0.5 else 0.5,
            level - 0.12,
            rng.uniform(0.2, 0.3),
            body=mix(p.field, p.night, 0.55),
        )
    ridges(
        stage,
        level,
        level + 0.2,
        n=rng.choice([3, 4, 5]),
        sharp=rng.choice([0.0, 0.5, 1.0]),
        height=rng.uniform(0.04, 0.09),
    )
    mist(stage, level + 0.08, 0.1, mix(p.glow, p.field, 0.3), 0.5)
    near = ridge(stage, level + 0.235, 0.012, sharp=0.0)
    x = rng.choice([0.28, 0.36, 0.5, 0.64, 0.72])
    size = rng.uniform(0.12, 0.2)
    stage.put(
        stage.figures[0], x, level + 0.235 - size * 0.62, size, body=p.night, brush="flat" if is_flat(stage) else None
    )
    stage.lay(near, mix(p.night, BLACK, 0.2))
    if behind >= 0.35 and stage.motifs and not grounded and rng.random() < 0.7:
        stage.put(
            stage.motifs[0],
            rng.choice([0.25, 0.5, 0.75]),
            rng.uniform(0.2, 0.3),
            rng.uniform(0.13, 0.22),
            angle=rng.uniform(-12, 12),
            body=against(stage),
        )
    return Room(title=(0.76, 0.9)) if rng.random() < 0.6 else Room(title=(0.07, 0.25), cast="title")


def desert(stage: Stage) -> Room:
    """Mesas under a huge sun, cacti, a rider."""
    rng, p = stage.rng, stage.palette
    sky(stage, night=0.08)
    level = rng.uniform(0.54, 0.64)
    disc(
        stage,
        rng.uniform(0.3, 0.7),
        level - rng.uniform(0.06, 0.16),
        rng.uniform(0.22, 0.38),
        rng.choice([p.paper, mix(p.glow, p.paper, 0.4), p.accent]),
        shine=0.1,
    )
    for tone, drop in ((0.35, 0.0), (0.6, 0.03)):
        x = rng.uniform(-0.1, 0.1)
        while x < 1.1:
            wide, tall = rng.uniform(0.1, 0.28), rng.uniform(0.05, 0.16)
            top = level - tall + drop
            mesa = polygon(
                stage,
                [
                    (x, level + 0.05),
                    (x + wide * 0.14, top + tall * 0.45),
                    (x + wide * 0.2, top),
                    (x + wide * 0.8, top + 0.008),
                    (x + wide * 0.88, top + tall * 0.5),
                    (x + wide, level + 0.05),
                ],
            )
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
            trunk = polygon(
                stage,
                [
                    (x - half * 1.5, foot + 0.02),
                    (x - half + lean, -0.02),
                    (x + half + lean, -0.02),
                    (x + half * 1.5, foot + 0.02),
                ],
            )
            stage.lay(trunk, tone)
            for _ in range(2):
                y = rng.uniform(0.05, 0.45)
                side = rng.choice([-1, 1])
                branch = polygon(
                    stage, [(x + lean * (1 - y), y), (x + side * 0.13, y - 0.09), (x + lean * (1 - y), y + 0.012)]
                )
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
    size = rng.uniform(0.26, 0.36)
    if thing in GROUNDED:
        stage.put(thing, 0.5 + rng.uniform(-0.1, 0.1), level - size * 0.56, size, body=p.night, tones={"leaf": p.night})
    else:
        stage.put(thing, cx, cy, r * rng.uniform(0.55, 0.72), body=p.night)
        stage.put(rng.choice(["bare_tree", "pine"]), rng.choice([0.12, 0.88]), level - 0.12, 0.24, body=p.night)
    if rng.random() < 0.5:
        for _ in range(5):
            stage.put(
                "bat" if "bat" in stage.motifs or rng.random() < 0.3 else "bird",
                rng.uniform(0.1, 0.9),
                rng.uniform(0.12, 0.4),
                rng.uniform(0.018, 0.04),
                body=p.night,
                brush="flat",
            )
    near = ridge(stage, level, 0.025, sharp=0.0)
    if rng.random() < 0.6:
        stage.put(stage.figures[0], rng.choice([0.2, 0.78]), level - 0.055, 0.1, body=p.night, brush="flat")
    stage.lay(near, p.night)
    mist(stage, level + 0.04, 0.14, mix(face, p.deep, 0.5), 0.45)
    floor(stage, level + 0.09)
    return Room(title=(0.72, 0.9))
