"""The looks: what can be read off the pixels, and what cannot."""

import numpy as np
import pytest
from PIL import Image

from keyart_demo.casting import CASTING
from keyart_demo.compose import poster
from keyart_demo.eras import ERAS
from keyart_demo.films import draw_film
from keyart_demo.fonts import FACES
from keyart_demo.motifs import GROUNDED, MOTIFS
from keyart_demo.palette import PALETTES, WHITE, contrast
from keyart_demo.pen import Pen, smooth
from keyart_demo.scenes import SCENES
from keyart_demo.titles import ground_under, readable
from keyart_demo.typography import break_lines, set_line, set_title

N = 360
SIZE = (48, 72)


@pytest.fixture(scope="module")
def films():
    return [draw_film(0, i) for i in range(N)]


@pytest.fixture(scope="module")
def pixels(films):
    return np.stack([np.asarray(poster(film, 0, SIZE, film.reissue)) for film in films])


def histograms(pixels):
    """Square roots of 4 × 4 × 4 colour histograms: their inner product is the Bhattacharyya coefficient."""
    cells = (pixels // 64).reshape(len(pixels), -1, 3).astype(int) @ np.array([16, 4, 1])
    return np.sqrt(np.stack([np.bincount(cell, minlength=64) for cell in cells]) / cells.shape[1])


def agreement(relevant, similarity) -> tuple[float, float]:
    """Share of the ten nearest that are relevant, and the share among all others."""
    similarity = similarity.copy()
    np.fill_diagonal(similarity, -np.inf)
    nearest = np.argsort(-similarity, axis=1)[:, :10]
    found = np.take_along_axis(relevant, nearest, axis=1).mean()
    return float(found), float((relevant.sum() - np.trace(relevant)) / (len(relevant) * (len(relevant) - 1)))


def test_colour_alone_knows_something_of_genre(films, pixels):
    labels = [set(film.genres) for film in films]
    jaccard = np.array([[len(a & b) / len(a | b) for b in labels] for a in labels])
    features = histograms(pixels)
    found, chance = agreement(jaccard, features @ features.T)
    assert found > 1.12 * chance
    assert found < 0.6
    rng = np.random.default_rng(0)
    random = rng.normal(size=(N, 8))
    assert agreement(jaccard, random @ random.T)[0] < 1.1 * chance


def test_era_shows_on_the_sheet(films, pixels):
    eras = np.array([film.era for film in films])
    same = (eras[:, None] == eras).astype(float)
    grey = pixels.astype(np.float32).mean(axis=3)
    # Grain, vignette and tone: an era prints in its own way whatever it shows.
    rough = np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
    corners = grey[:, :8, :8].mean(axis=(1, 2)) - grey[:, 30:42, 18:30].mean(axis=(1, 2))
    warmth = (pixels[..., 0].astype(np.float32) - pixels[..., 2]).mean(axis=(1, 2))
    features = np.stack([rough, corners, warmth, grey.min(axis=(1, 2)), grey.std(axis=(1, 2))], axis=1)
    features = (features - features.mean(0)) / features.std(0)
    found, chance = agreement(same, -np.linalg.norm(features[:, None] - features, axis=2))
    assert found > 1.3 * chance


def test_a_recut_looks_like_the_first_and_other_art_does_not(films):
    def small(image):
        grey = np.asarray(image.convert("L").resize((12, 14), Image.Resampling.BOX, box=(0, 0, 48, 56)), dtype=float)
        return (grey - grey.mean()) / (grey.std() + 1e-6)

    chosen = [film for film in films if not film.reissue][:40]
    first = [small(poster(film, 0, SIZE)) for film in chosen]
    likeness = {
        art: np.mean([(a * small(poster(film, 0, SIZE, art))).mean() for a, film in zip(first, chosen, strict=True)])
        for art in ("recut", "other")
    }
    assert likeness["recut"] > 0.45
    assert likeness["recut"] > likeness["other"] + 0.2
    assert all(
        poster(film, 0, SIZE, art).tobytes() != poster(film, 0, SIZE).tobytes()
        for film in chosen[:5]
        for art in ("recut", "other")
    )


def test_posters_differ_and_are_not_empty(pixels):
    assert len({image.tobytes() for image in pixels}) == N
    assert (pixels.astype(float).std(axis=(1, 2, 3)) > 8).all()


def test_tables_name_what_exists():
    assert set(PALETTES) == set(CASTING)
    for casting in CASTING.values():
        assert set(casting.motifs) <= set(MOTIFS)
        assert set(casting.figures) <= set(MOTIFS)
        assert set(casting.scenes) <= set(SCENES)
        assert set(casting.faces) <= set(FACES)
    for era in ERAS:
        assert set(era.scenes) <= set(SCENES)
        assert set(era.faces) <= set(FACES)
    assert set(MOTIFS) >= GROUNDED
    assert {scene for casting in CASTING.values() for scene in casting.scenes} == set(SCENES)


@pytest.mark.parametrize("name", sorted(MOTIFS))
def test_every_motif_marks_the_sheet(name):
    import random

    pen = Pen((80, 80), (40, 40), 30, rng=random.Random(0))
    MOTIFS[name](pen, random.Random(0))
    inked = sum(np.asarray(mask).any() for mask in pen.layers.values())
    assert inked >= 1
    covered = np.max([np.asarray(mask) for mask in pen.layers.values()], axis=0)
    assert 0.01 < (covered > 0).mean() < 0.9


def test_pen_places_turns_and_cuts():
    pen = Pen((40, 40), (20, 20), 10, angle=90)
    pen.rect(0, -1, 1, 1)
    ink = np.asarray(pen.layers["body"]) > 0
    rows, columns = np.nonzero(ink)
    # A clockwise quarter turn carries what lay right of the origin below it.
    assert (rows.min(), rows.max()) == (20, 30)
    assert (columns.min(), columns.max()) == (10, 30)
    pen.oval(0, 0, 3, cut=True)
    assert not np.asarray(pen.layers["body"]).any()


def test_smooth_curves_pass_through_their_points():
    points = [(0.0, 0.0), (2.0, 1.0), (3.0, -1.0), (1.0, -2.0)]
    assert smooth(points, steps=5)[::5] == points
    opened = smooth(points, closed=False, steps=5)
    assert opened[0] == points[0]
    assert opened[-1] == points[-1]


def test_type_is_fitted_and_kerned():
    face = FACES["anton"]
    for title in ("Rot", "The Far Lagoon", "Love Letters of Montclair Street"):
        for stacked in (True, False):
            mask = set_title(title, face, (200, 80), stacked=stacked)
            assert mask.width <= 206
            assert mask.height <= 96
    tight, wide = set_line("AVATAR", FACES["playfair"], 40), set_line("AAVVTR", FACES["playfair"], 40)
    assert tight.width < wide.width
    assert break_lines(["Summit"], face, (100, 50)) == ["Summit"]
    assert len(break_lines(["one", "two", "three", "four"], face, (60, 200))) > 1


def test_words_are_set_in_an_ink_that_reads():
    sheet = Image.new("RGB", (100, 100), (250, 250, 250))
    ground = ground_under(sheet, (10, 10, 60, 40))
    assert ground.mean == (250, 250, 250)
    ink = readable(ground, [WHITE, (240, 230, 120), (40, 30, 60)])
    assert ink == (40, 30, 60)
    assert contrast(ink, ground.mean) > 3
    assert readable(ground, [(235, 235, 200)]) == (8, 7, 9)
