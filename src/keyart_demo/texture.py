"""Surfaces: clouds, paper, grain, halftone, wear. Noise is drawn once a process from fixed seeds."""

import random
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

_TILE = 1024


@lru_cache(maxsize=1)
def _cloud_tile() -> Image.Image:
    """Fractal noise that wraps round: octaves of value noise, each half as strong."""
    rng = np.random.default_rng(20)
    total = np.zeros((_TILE, _TILE), dtype=np.float32)
    for octave, cells in enumerate((4, 8, 16, 32, 64, 128)):
        coarse = rng.random((cells, cells), dtype=np.float32)
        padded = np.pad(coarse, 2, mode="wrap")
        scale = _TILE // cells
        grown = Image.fromarray(padded).resize((padded.shape[1] * scale,) * 2, Image.Resampling.BICUBIC)
        total += np.asarray(grown)[2 * scale : 2 * scale + _TILE, 2 * scale : 2 * scale + _TILE] * 0.56**octave
    low, high = np.percentile(total, [1, 99])
    return Image.fromarray((np.clip((total - low) / (high - low), 0, 1) * 255).astype(np.uint8))


@lru_cache(maxsize=1)
def _speck_tile() -> Image.Image:
    """Fine clumps, ranked so that a share ``s`` of the tile lies below level ``255 s``."""
    rng = np.random.default_rng(22)
    fine = np.asarray(Image.fromarray(rng.random((_TILE // 3, _TILE // 3), dtype=np.float32)).resize((_TILE, _TILE)))
    wide = np.asarray(_cloud_tile(), dtype=np.float32)[::-1] / 255
    value = fine + 0.55 * wide
    edges = np.quantile(value[::4, ::4], np.arange(1, 256) / 256)
    return Image.fromarray(np.digitize(value, edges).astype(np.uint8))


@lru_cache(maxsize=1)
def _grain_tile() -> NDArray[np.float32]:
    """White noise, slightly clumped, standard deviation 1, twice in each direction so that any crop fits."""
    noise = np.random.default_rng(21).standard_normal((512, 512)).astype(np.float32)
    noise = noise + 0.5 * (np.roll(noise, 1, 0) + np.roll(noise, 1, 1))
    return np.tile(noise / noise.std(), (2, 2))


def clouds(size: tuple[int, int], rng: random.Random, *, scale: float = 1.0, stretch: float = 1.0) -> Image.Image:
    """An ``L`` image of clouds: ``scale`` above one enlarges them, ``stretch`` draws them out sideways."""
    tile = _cloud_tile()
    w = max(8, min(_TILE, round(size[0] / scale / stretch)))
    h = max(8, min(_TILE, round(size[1] / scale)))
    x, y = rng.randrange(_TILE - w + 1), rng.randrange(_TILE - h + 1)
    piece = tile.crop((x, y, x + w, y + h))
    if rng.random() < 0.5:
        piece = piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return piece.resize(size, Image.Resampling.BILINEAR)


def worn(mask: Image.Image, rng: random.Random, amount: float) -> Image.Image:
    """A mask with its ink rubbed off in specks: ``amount`` is about the share that goes."""
    box = mask.getbbox()
    if box is None:
        return mask
    w, h = box[2] - box[0], box[3] - box[1]
    tile = _speck_tile()
    x, y = rng.randrange(max(1, _TILE - w)), rng.randrange(max(1, _TILE - h))
    threshold = round(255 * amount)
    keep = tile.crop((x, y, x + w, y + h)).point([min(255, max(0, (level - threshold) * 9)) for level in range(256)])
    rubbed = Image.new("L", mask.size, 0)
    rubbed.paste(ImageChops.multiply(mask.crop(box), keep), box[:2])
    return rubbed


def halftone(levels: Image.Image, cell: int, angle: float) -> Image.Image:
    """Round dots whose area follows the darkness of ``levels`` (``L``): 255 where there is ink."""
    h, w = levels.size[1], levels.size[0]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    c, s = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
    k = np.float32(np.pi / cell)
    screen = np.cos((x * c + y * s) * k * 2) + np.cos((y * c - x * s) * k * 2)
    dark = 1 - np.asarray(levels, dtype=np.float32) / 255
    return Image.fromarray((np.clip((screen / 4 + dark - 0.5) * 6 + 0.5, 0, 1) * 255).astype(np.uint8))


def vignette(pixels: NDArray[np.float32], strength: float) -> None:
    """Darken the corners, in place."""
    h, w = pixels.shape[:2]
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, w, dtype=np.float32)[None, :] ** 2
    pixels *= (1 - strength * np.clip((x + y) / 2, 0, 1) ** 1.3)[..., None]


def add_grain(pixels: NDArray[np.float32], rng: random.Random, strength: float) -> None:
    """Add film grain of ``strength`` grey levels, in place."""
    h, w = pixels.shape[:2]
    tile = _grain_tile()
    reps = (-(-(h + 512) // 1024), -(-(w + 512) // 1024))
    if reps != (1, 1):
        tile = np.tile(tile, reps)
    y, x = rng.randrange(512), rng.randrange(512)
    pixels += strength * tile[y : y + h, x : x + w, None]


def fold_and_wear(image: Image.Image, rng: random.Random) -> None:
    """The creases of a poster that was folded, and its rubbed edges, on an ``RGB`` image, in place."""
    w, h = image.size
    pen = ImageDraw.Draw(image, "RGBA")
    for at in (h // 4, h // 2, 3 * h // 4):
        pen.line([(0, at), (w, at + rng.choice([-1, 0, 1]))], fill=(255, 250, 235, 46))
        pen.line([(0, at + 1), (w, at + 1)], fill=(30, 20, 10, 34))
    pen.line([(w // 2, 0), (w // 2, h)], fill=(255, 250, 235, 40))
    pen.line([(w // 2 + 1, 0), (w // 2 + 1, h)], fill=(30, 20, 10, 28))
    for _ in range(14):
        side = rng.randrange(4)
        along = rng.random()
        x, y = ((along * w, 0), (along * w, h), (0, along * h), (w, along * h))[side]
        r = rng.uniform(0.4, 1.6)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=(245, 236, 215, 190))
