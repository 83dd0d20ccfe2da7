"""Composition of one poster: picture, text and print effects."""

import random

import numpy as np
from PIL import Image

from keyart_demo.backdrops import BACKDROPS
from keyart_demo.casting import CASTING
from keyart_demo.eras import BY_NAME, Era
from keyart_demo.films import DRAWS, Film, draws
from keyart_demo.frames import frame
from keyart_demo.franchise import mark_series
from keyart_demo.layout import fade_foot, set_words
from keyart_demo.palette import choose_palette
from keyart_demo.scenes import SCENES
from keyart_demo.scenes.parts import embers
from keyart_demo.stage import Room, Stage
from keyart_demo.texture import add_grain, fold_and_wear, vignette

SUPERSAMPLING = 2
# Probability that a poster follows another genre than its own, so that genre stays noisy.
STRAY_PALETTE, STRAY_SCENE, STRAY_MOTIF, NO_MOTIF = 0.1, 0.07, 0.05, 0.04


def poster(film: Film, seed: int, size: tuple[int, int], art: str = "") -> Image.Image:
    """Draw one poster.

    Args:
        film: The film.
        seed: The catalogue's seed.
        size: Width and height in pixels.
        art: ``""`` is the first artwork, ``"other"`` wholly different art for the same film, ``"recut"`` the same key
            art in another crop, other colours and other lettering.

    Returns:
        An ``RGB`` image of ``size``.
    """
    # Key art is a function of the film, not of the poster's number: a recut re-issue shows the same picture.
    key = f"{film.film}" if art != "other" else f"{film.film}/other/{film.number}"
    words = draws(seed, film.number, f"words {art}")
    print_rng = draws(seed, film.number, f"print {art}")
    large = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
    stage, room = paint(film, large, random.Random(f"{DRAWS}/{seed}/picture/{key}"))
    if art == "recut":
        _recut(stage, print_rng)
    if room.title[0] > 0.6:
        fade_foot(stage)
    frame(stage, print_rng)
    set_words(film, stage, room, words)
    mark_series(film, stage)
    return develop(stage.image.reduce(SUPERSAMPLING), stage.era, print_rng)


def paint(film: Film, size: tuple[int, int], rng: random.Random) -> tuple[Stage, Room]:
    """Draw the picture without text: palette, backdrop and scene, each chosen by one of the film's genres."""
    era = BY_NAME[film.era]
    # Every genre of the film chooses at least one of palette, scene, motif and figure.
    order = film.looks
    voices = [order[0], rng.choice(order), order[1 % len(order)], order[2 % len(order)]]
    for i, stray in enumerate((STRAY_PALETTE, STRAY_SCENE, STRAY_MOTIF)):
        if rng.random() < stray:
            voices[i] = rng.choice(list(CASTING))
    palette = choose_palette(voices[0], era.name, rng)
    scenes = {name: weight * era.scenes.get(name, 1.0) for name, weight in CASTING[voices[1]].scenes.items()}
    scene = rng.choices(list(scenes), list(scenes.values()))[0]
    motifs = _shuffled(rng, CASTING[voices[2]].motifs)[:3]
    if len(order) > 1:
        motifs.insert(rng.choice([1, 2]), rng.choice(CASTING[order[0]].motifs))
    if rng.random() < NO_MOTIF:
        motifs = []
    figures = _shuffled(rng, CASTING[voices[3]].figures)
    stage = Stage(
        Image.new("RGB", size, palette.field), palette, era, rng, tuple(dict.fromkeys(motifs)), tuple(figures)
    )
    BACKDROPS[rng.choices(list(era.backdrops), list(era.backdrops.values()))[0]](stage)
    room = SCENES[scene](stage)
    if era.name == "teal" and rng.random() < 0.3:
        embers(stage)
    return stage, room


def _shuffled(rng: random.Random, items: tuple[str, ...]) -> list[str]:
    return rng.sample(items, len(items))


def _recut(stage: Stage, rng: random.Random) -> None:
    """Return another crop of the same key art, perhaps mirrored, in other colours."""
    w, h = stage.size
    zoom = rng.uniform(1.06, 1.3)
    cw, ch = w / zoom, h / zoom
    left, top = rng.uniform(0, w - cw), rng.uniform(0, (h - ch) * 0.5)
    cut = stage.image.resize((w, h), Image.Resampling.BILINEAR, box=(left, top, left + cw, top + ch))
    if rng.random() < 0.3:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    kind = rng.random()
    if kind < 0.6:
        h_, s_, v_ = cut.convert("HSV").split()
        turn = rng.choice([-1, 1]) * rng.randrange(8, 45)
        h_ = h_.point([(v + turn) % 256 for v in range(256)])
        s_ = s_.point([round(v * 0.9) for v in range(256)])
        cut = Image.merge("HSV", (h_, s_, v_)).convert("RGB")
    elif kind < 0.75:
        cut = cut.convert("L").convert("RGB")
    stage.image = cut


def develop(image: Image.Image, era: Era, rng: random.Random) -> Image.Image:
    """Print and age the sheet in the style of its era: tone, vignette, grain, folds."""
    if rng.random() < era.worn:
        fold_and_wear(image, rng)
    pixels = np.asarray(image, dtype=np.float32).copy()
    if era.split:
        grey = pixels.mean(axis=2, keepdims=True) / 255
        amount = era.split * rng.uniform(0.5, 1.2)
        shadows, lights = np.array([-14, 6, 12], np.float32), np.array([18, 6, -16], np.float32)
        pixels += amount * ((1 - grey) * shadows + grey * lights)
    if era.warmth:
        pixels *= np.array([1 + 0.5 * era.warmth, 1.0, 1 - 1.2 * era.warmth], np.float32)
    if era.fade:
        pixels *= 1 - era.fade
        pixels += 255 * era.fade * np.array([0.62, 0.52, 0.44], np.float32)
    if era.vignette:
        vignette(pixels, era.vignette * rng.uniform(0.6, 1.1))
    add_grain(pixels, rng, era.grain * rng.uniform(0.6, 1.2))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
