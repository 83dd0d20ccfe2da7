"""Scenes at sea and in space."""

from PIL import Image, ImageChops

from keyart_demo.ink import lay_ramp, moved, soften
from keyart_demo.palette import mix
from keyart_demo.scenes.parts import birds, disc, is_flat, ridge, sky, stars  # fmt: skip
from keyart_demo.stage import Room, Stage


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
    night_side = (
        ImageChops.subtract(body, ImageChops.invert(dark))
        if is_flat(stage)
        else ImageChops.multiply(body, soften(dark, 0.12 * px))
    )
    stage.lay(night_side, p.night, 0.82)
    if not low and rng.random() < 0.5:
        _ring(stage, x, y, px, mix(p.glow, p.paper, 0.4))
    ship = stage.motifs[0] if stage.motifs else "rocket"
    where = (rng.choice([0.3, 0.7]), rng.uniform(0.52, 0.6)) if not low else (0.5, rng.uniform(0.26, 0.36))
    stage.put(ship, *where, rng.uniform(0.17, 0.27), angle=rng.uniform(-35, 35), body=mix(p.deep, p.glow, 0.62))
    if rng.random() < 0.45:
        stage.put(
            stage.figures[0],
            1 - where[0],
            0.6 if not low else 0.55,
            0.09,
            angle=rng.uniform(-30, 30),
            body=mix(p.paper, p.field, 0.2),
            tones={"light": p.night},
        )
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
