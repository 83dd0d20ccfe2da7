"""Backdrops behind the picture, in the style of an era."""

import math
from collections.abc import Callable

from PIL import Image

from keyart_demo.atmospheres import beams, dusk, fog, halo_ground, neon, smoke, stars
from keyart_demo.ink import ramp, through
from keyart_demo.palette import Colour, mix
from keyart_demo.stage import Stage


def _grounds(stage: Stage) -> tuple[Colour, Colour]:
    """A pair of neighbouring tones for flat printing; the pair decides whether the poster is light or dark."""
    p = stage.palette
    return stage.rng.choice(
        [(p.field, p.deep), (p.field, p.glow), (p.glow, p.paper), (p.deep, p.night), (p.deep, p.field)]
    )


def plain(stage: Stage) -> None:
    """One flat ink."""
    p = stage.palette
    stage.ground = stage.rng.choice([p.field, p.field, p.glow, p.paper, p.deep, p.accent])
    stage.image.paste(stage.ground, (0, 0, *stage.size))


def wash(stage: Stage) -> None:
    """Two near tones, softly graded."""
    a, b = _grounds(stage)
    stage.ground = mix(a, b, 0.4)
    stage.image.paste(ramp(stage.size, (a, mix(a, b, 0.7)), stage.rng.choice([0, 180, 30, -30])))


def blocks(stage: Stage) -> None:
    """Blocks of cut paper."""
    p, rng = stage.palette, stage.rng
    grounds = [p.field, p.glow, p.paper, p.accent, p.deep]
    rng.shuffle(grounds)
    stage.ground = grounds[0]
    stage.image.paste(grounds[0], (0, 0, *stage.size))
    w, h = stage.size
    for k in range(rng.choice([1, 2, 2, 3])):
        mask, pen = stage.mask()
        kind = rng.randrange(3)
        wild = [rng.uniform(-0.05, 0.05) for _ in range(4)]
        if kind == 0:
            y0, y1 = sorted((rng.uniform(-0.1, 0.8), rng.uniform(0.3, 1.1)))
            corners = [(-0.1, y0 + wild[0]), (1.1, y0 + wild[1]), (1.1, y1 + wild[2]), (-0.1, y1 + wild[3])]
        elif kind == 1:
            x0 = rng.uniform(0.05, 0.5)
            x1 = x0 + rng.uniform(0.25, 0.55)
            corners = [(x0 + wild[0], -0.1), (x1 + wild[1], -0.1), (x1 + wild[2], 1.1), (x0 + wild[3], 1.1)]
        else:
            cx, cy = rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.6)
            rx, ry = rng.uniform(0.28, 0.42), rng.uniform(0.2, 0.32)
            corners = [
                (cx - rx, cy - ry + wild[0]),
                (cx + rx + wild[1], cy - ry),
                (cx + rx, cy + ry + wild[2]),
                (cx - rx + wild[3], cy + ry),
            ]
        pen.polygon([(x * w, y * h) for x, y in corners], fill=255)
        stage.lay(mask, grounds[1 + k])


def rays(stage: Stage) -> None:
    """Sun rays from a point, in two tones."""
    rng = stage.rng
    a, b = _grounds(stage)
    stage.ground = mix(a, b, 0.5)
    stage.image.paste(a, (0, 0, *stage.size))
    mask, pen = stage.mask()
    w, h = stage.size
    cx, cy = w * rng.choice([0.5, 0.5, 0.2, 0.8]), h * rng.choice([0.42, 0.55, 0.7, 1.0])
    n = rng.choice([14, 18, 24])
    turn = rng.uniform(0, 2)
    far = 1.6 * h
    for i in range(n):
        t0, t1 = 2 * math.pi * (i + turn) / n, 2 * math.pi * (i + 0.5 + turn) / n
        pen.polygon(
            [
                (cx, cy),
                (cx + far * math.cos(t0), cy + far * math.sin(t0)),
                (cx + far * math.cos(t1), cy + far * math.sin(t1)),
            ],
            fill=255,
        )
    stage.lay(mask, b, rng.uniform(0.5, 1.0))


def steps(stage: Stage) -> None:
    """A gradient in flat steps, as if printed from several blocks."""
    p, rng = stage.palette, stage.rng
    stops = rng.choice([(p.deep, p.field, p.glow), (p.night, p.deep, p.field), (p.glow, p.field, p.deep)])
    n = rng.choice([6, 8, 10])
    stage.ground = stops[1]
    w, h = stage.size
    column = Image.new("L", (1, n))
    column.putdata([round(255 * i / (n - 1)) for i in range(n)])
    stage.image.paste(through(column.resize((w, h), Image.Resampling.NEAREST), stops))


def arches(stage: Stage) -> None:
    """Nested arches, like a theatre's proscenium."""
    p, rng = stage.palette, stage.rng
    stops = rng.choice([(p.night, p.deep, p.field, p.glow), (p.deep, p.field, p.glow, p.paper)])
    stage.ground = stops[2]
    stage.image.paste(stops[0], (0, 0, *stage.size))
    w, h = stage.size
    n = rng.choice([4, 5, 6])
    for i in range(n):
        mask, pen = stage.mask()
        half = w * (0.5 - 0.075 * i)
        top = h * (0.03 + 0.055 * i)
        pen.pieslice((w / 2 - half, top, w / 2 + half, top + 2 * half), 180, 360, fill=255)
        pen.rectangle((w / 2 - half, top + half, w / 2 + half, h), fill=255)
        t = (i + 1) / n * (len(stops) - 1)
        j = min(int(t), len(stops) - 2)
        stage.lay(mask, mix(stops[j], stops[j + 1], t - j))


def stripes(stage: Stage) -> None:
    """Broad rounded stripes that turn a corner."""
    p, rng = stage.palette, stage.rng
    base = rng.choice([p.paper, p.glow, p.deep, p.night])
    stage.ground = base
    stage.image.paste(base, (0, 0, *stage.size))
    w, h = stage.size
    band = 0.075 * w
    inks = [c for c in (p.accent, p.field, p.glow, p.deep) if c != base]
    cx, cy = rng.choice([-0.1, 1.1, 0.5]) * w, rng.choice([0.5, 0.72]) * h
    for i, ink in enumerate(inks):
        mask, pen = stage.mask()
        r = 0.72 * w - i * band * 1.25
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
        pen.rectangle((cx - r, cy, cx - r + band, h), fill=255)
        pen.rectangle((cx + r - band, cy, cx + r, h), fill=255)
        pen.ellipse((cx - r + band, cy - r + band, cx + r - band, cy + r - band), fill=0)
        pen.rectangle((cx - r + band, cy, cx + r - band, h), fill=0)
        stage.lay(mask, ink)


def sun(stage: Stage) -> None:
    """One great disc."""
    p, rng = stage.palette, stage.rng
    base, disc = rng.choice(
        [(p.glow, p.accent), (p.field, p.glow), (p.deep, p.glow), (p.paper, p.field), (p.field, p.accent)]
    )
    stage.ground = base
    stage.image.paste(base, (0, 0, *stage.size))
    mask, pen = stage.mask()
    w, h = stage.size
    r = rng.uniform(0.3, 0.44) * w
    cx, cy = w * rng.choice([0.5, 0.5, 0.36, 0.64]), h * rng.uniform(0.34, 0.48)
    pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
    stage.lay(mask, disc)


BACKDROPS: dict[str, Callable[[Stage], None]] = {
    "plain": plain, "wash": wash, "blocks": blocks, "rays": rays, "steps": steps, "arches": arches, "beams": beams,
    "smoke": smoke, "dusk": dusk, "stripes": stripes, "sun": sun, "neon": neon, "stars": stars, "halo": halo_ground,
    "fog": fog,
}  # fmt: skip
