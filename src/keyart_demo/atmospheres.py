"""Backdrops of light and air: searchlights, smoke, dusk, neon, stars, fog."""

from PIL import ImageChops

from keyart_demo.ink import halo, lay, ramp, soften, through
from keyart_demo.palette import BLACK, WHITE, luminance, mix
from keyart_demo.stage import Stage
from keyart_demo.texture import clouds


def beams(stage: Stage) -> None:
    """Searchlights in the dark."""
    p, rng = stage.palette, stage.rng
    stage.ground = mix(p.night, p.deep, 0.6)
    stage.image.paste(ramp(stage.size, (p.night, p.deep, mix(p.deep, p.field, 0.6)), rng.choice([0, 20, -20])))
    w, h = stage.size
    for _ in range(rng.choice([1, 2, 3])):
        mask, pen = stage.mask()
        x0, x1, half = rng.uniform(-0.2, 1.2), rng.uniform(-0.3, 1.3), rng.uniform(0.1, 0.3)
        pen.polygon([(x0 * w, h * 1.02), ((x1 - half) * w, -0.1 * h), ((x1 + half) * w, -0.1 * h)], fill=255)
        lay(stage.image, soften(mask, 0.02 * w), p.glow, rng.uniform(0.18, 0.42))


def smoke(stage: Stage) -> None:
    """Smoke over a dark ground."""
    p, rng = stage.palette, stage.rng
    stage.ground = mix(p.night, p.deep, 0.7)
    drift = clouds(stage.size, rng, scale=rng.uniform(0.9, 1.5), stretch=rng.uniform(0.8, 1.4))
    stage.image.paste(through(drift, (p.night, p.deep, mix(p.deep, p.field, 0.8))))
    light = halo(stage.size, stage.at(rng.uniform(0.3, 0.7), rng.uniform(0.25, 0.5)), 0.75 * stage.size[0])
    lay(stage.image, ImageChops.multiply(light, drift.point([min(255, 90 + v) for v in range(256)])), p.field, 0.75)


def dusk(stage: Stage) -> None:
    """A sky at dusk with long clouds."""
    p, rng = stage.palette, stage.rng
    stops = (p.night, p.deep, p.field, p.glow) if rng.random() < 0.6 else (p.deep, p.field, p.glow)
    stage.ground = p.field
    stage.image.paste(ramp(stage.size, stops))
    drift = clouds(stage.size, rng, scale=0.6, stretch=3.2)
    lay(stage.image, drift.point([max(0, (v - 130) * 2) for v in range(256)]), mix(p.glow, WHITE, 0.2), 0.35)


def neon(stage: Stage) -> None:
    """A saturated sky with a barred sun."""
    p, rng = stage.palette, stage.rng
    stage.ground = p.deep
    stage.image.paste(ramp(stage.size, (p.night, p.deep, p.field, p.accent)))
    w, h = stage.size
    _sprinkle(stage, 60, 0.5)
    if rng.random() < 0.65:
        mask, pen = stage.mask()
        r, cx, cy = rng.uniform(0.24, 0.36) * w, w * 0.5, h * rng.uniform(0.36, 0.48)
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), fill=255)
        for k in range(6):
            y = cy + r * (0.02 + 0.16 * k)
            pen.rectangle((cx - r, y, cx + r, y + r * (0.02 + 0.013 * k)), fill=0)
        stage.glow(mask, p.accent, 0.06, 0.6)
        box = mask.getbbox()
        if box:
            stage.image.paste(
                ramp((box[2] - box[0], box[3] - box[1]), (mix(p.glow, WHITE, 0.3), p.glow, p.accent)),
                box[:2],
                mask.crop(box),
            )


def _sprinkle(stage: Stage, n: int, down_to: float) -> None:
    w, h = stage.size
    mask, pen = stage.mask()
    for _ in range(n):
        x, y, r = stage.rng.random() * w, stage.rng.random() ** 1.4 * down_to * h, stage.rng.choice([0.6, 0.8, 1.3])
        r *= w / 480
        pen.ellipse((x - r, y - r, x + r, y + r), fill=stage.rng.randrange(110, 256))
    stage.lay(mask, WHITE)


def stars(stage: Stage) -> None:
    """A starry sky with a nebula."""
    p, rng = stage.palette, stage.rng
    stage.ground = mix(p.night, p.deep, 0.4)
    stage.image.paste(ramp(stage.size, (p.night, mix(p.night, p.deep, 0.8), p.deep)))
    drift = clouds(stage.size, rng, scale=1.3)
    lay(stage.image, drift.point([max(0, (v - 110) * 2 - 20) if v > 110 else 0 for v in range(256)]), p.field, 0.65)
    _sprinkle(stage, 150, 1.0)


def halo_ground(stage: Stage) -> None:
    """Light behind the middle of a dark ground."""
    p, rng = stage.palette, stage.rng
    light = luminance(p.paper) > 0 and rng.random() < 0.3
    outer, inner = (mix(p.glow, WHITE, 0.2), WHITE) if light else (mix(p.night, p.deep, 0.5), p.field)
    stage.ground = mix(outer, inner, 0.3)
    stage.image.paste(outer, (0, 0, *stage.size))
    at = stage.at(rng.uniform(0.4, 0.6), rng.uniform(0.32, 0.5))
    lay(stage.image, halo(stage.size, at, 0.95 * stage.size[0], squash=1.2), inner)
    if not light:
        lay(stage.image, halo(stage.size, at, 0.5 * stage.size[0]), p.glow, 0.6)


def fog(stage: Stage) -> None:
    """Fog: a pale band in the middle of a graded, clouded sky."""
    p, rng = stage.palette, stage.rng
    pale = mix(p.field, p.glow, 0.65)
    stage.ground = mix(p.deep, p.field, 0.6)
    stage.image.paste(ramp(stage.size, (p.deep, p.field, pale, p.field, p.deep, mix(p.deep, BLACK, 0.4))))
    drift = clouds(stage.size, rng, scale=1.1, stretch=2.0)
    lay(stage.image, drift.point([max(0, v - 70) for v in range(256)]), mix(pale, WHITE, 0.1), 0.42)
    at = stage.at(rng.uniform(0.2, 0.8), rng.uniform(0.35, 0.5))
    lay(stage.image, halo(stage.size, at, 0.6 * stage.size[0]), mix(p.glow, WHITE, 0.35), 0.62)
