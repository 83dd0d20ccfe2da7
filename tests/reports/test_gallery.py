import hashlib
import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from keyart.reports.gallery import Layout, draw_gallery, write_png
from keyart.reports.neighbours import NeighbourLists, find_neighbours
from keyart.reports.poster_frames import frame_poster, frame_posters
from keyart.reports.text_layout import Span, shorten, text_width, wrap_spans
from keyart.reports.theme import DARK, LIGHT, fallback_file, font_for, to_variables


def rgb(colour):
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@pytest.fixture
def rows(catalogue):
    vectors = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    return find_neighbours(vectors, catalogue, np.arange(24), [0, 5, 9], k=10)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_inputs_same_bytes(catalogue, rows, tmp_path):
    for name in "ab":
        write_png(draw_gallery(catalogue, rows, note="a note"), tmp_path / f"{name}.png")
    assert digest(tmp_path / "a.png") == digest(tmp_path / "b.png")
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["a.png", "b.png"]


def test_posters_stand_where_the_layout_says(catalogue, rows):
    layout = Layout()
    picture = draw_gallery(catalogue, rows)
    assert picture.size == (layout.width(10), layout.height(3))
    poster = frame_poster(catalogue.paths[int(rows.neighbours[1, 4])], layout.poster)
    left, top = layout.left(4), layout.top(1)
    shown = picture.crop((left, top, left + layout.poster[0], top + layout.poster[1]))
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(poster))


def test_the_query_is_framed_and_only_marked_neighbours_are(catalogue, rows):
    layout = Layout()
    duplicate, same_film = rows.duplicate.copy(), rows.same_film.copy()
    duplicate[0, 2] = same_film[0, 3] = True
    marked = replace(rows, duplicate=duplicate, same_film=same_film)
    plain, shown = (np.asarray(draw_gallery(catalogue, r)) for r in (rows, marked))
    top = layout.top(0)
    assert tuple(shown[top + 50, layout.margin - 2]) == rgb(LIGHT.accent)
    for column in (2, 3):
        assert tuple(shown[top + 50, layout.left(column) - 2]) == rgb(LIGHT.ink)
        assert tuple(shown[top + 50, layout.left(column + 4) - 2]) == rgb(LIGHT.paper)
    changed = np.flatnonzero((plain != shown).any(axis=(0, 2)))
    assert changed.min() >= layout.left(2) - 4
    assert changed.max() <= layout.left(3) + layout.poster[0] + 4
    assert (plain[layout.top(1) :] == shown[layout.top(1) :]).all()


def test_shared_genres_are_emphasised(catalogue):
    genres = np.zeros_like(catalogue.genres)
    genres[[0, 1], 0] = genres[2, 1] = True
    summary = replace(catalogue, genres=genres)
    none = np.zeros((1, 2), dtype=bool)
    rows = NeighbourLists(
        np.array([0]), np.array([[1, 2]]), np.ones((1, 2), np.float32), none, none, np.full((1, 2), 0.97)
    )
    layout = Layout()
    picture = np.asarray(draw_gallery(summary, rows))
    below = layout.top(0) + layout.poster[1] + 4
    accent = [
        int((picture[below : below + 100, x : x + layout.poster[0]] == rgb(LIGHT.accent)).all(-1).sum())
        for x in (layout.left(0), layout.left(1))
    ]
    assert accent[0] > 300  # the bar and the genre
    assert accent[1] == 0


def test_unknown_genres_are_no_empty_bar(catalogue):
    """An image file as query has no genres: the overlap is unknown, so no bar is drawn."""
    genres = np.zeros_like(catalogue.genres)
    genres[[0, 1], 0] = True
    summary = replace(catalogue, genres=genres)
    none = np.zeros((1, 2), dtype=bool)
    shares = np.full((1, 2), 0.97)
    layout = Layout()
    y = layout.top(0) + layout.poster[1] + 12

    def track(query, others):
        rows = NeighbourLists(np.array([query]), np.array([others]), np.ones((1, 2), np.float32), none, none, shares)
        line = np.asarray(draw_gallery(summary, rows))[y]
        return [tuple(line[layout.left(column) + 4]) for column in range(2)]

    assert track(0, [1, 3]) == [rgb(LIGHT.accent), rgb(LIGHT.paper)]
    assert track(2, [0, 1]) == [rgb(LIGHT.paper)] * 2


def test_the_dark_gallery_has_the_same_shape(catalogue, rows):
    dark = draw_gallery(catalogue, rows, theme=DARK)
    assert dark.size == draw_gallery(catalogue, rows).size
    assert dark.getpixel((2, 2)) == rgb(DARK.paper)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_short_rows_are_drawn(catalogue, k):
    rows = find_neighbours(np.eye(24), catalogue, np.arange(k + 1), [0], k=10)
    assert draw_gallery(catalogue, rows, note="x" * 300).width == Layout().width(k)


def test_a_lost_image_leaves_an_empty_frame_and_a_warning(catalogue, caplog):
    catalogue.paths[1].unlink()
    (catalogue.root / "notes.jpg").write_text("no image")
    with caplog.at_level(logging.WARNING):
        images = frame_posters([catalogue.paths[1], catalogue.root / "notes.jpg", catalogue.paths[2]], (40, 60))
    assert [image.size for image in images] == [(40, 60)] * 3
    assert len(images[0].getcolors()) == len(images[1].getcolors()) == 1
    assert [r.message.split(":")[0].endswith(("p0001.jpg", "notes.jpg")) for r in caplog.records] == [True, True]


def test_posters_of_nearly_the_frames_shape_fill_it(tmp_path):
    Image.new("RGB", (200, 290), "#3366cc").save(tmp_path / "p.png")
    assert frame_poster(tmp_path / "p.png", (100, 150)).getcolors() == [(15000, (0x33, 0x66, 0xCC))]


def test_landscape_stills_are_shown_whole(tmp_path):
    still = Image.new("RGB", (300, 150), "#808080")
    still.paste("#ff0000", (0, 0, 20, 150))
    still.paste("#0000ff", (280, 0, 300, 150))
    still.save(tmp_path / "p.png")
    framed = np.asarray(frame_poster(tmp_path / "p.png", (100, 150)))
    middle = framed[75]
    assert middle[1, 0] > 200 > middle[1, 2] + 100
    assert middle[98, 2] > 200 > middle[98, 0] + 100
    assert framed[5].mean() < 128  # the darkened backdrop


def test_turned_photographs_stand_upright(tmp_path):
    image = Image.new("RGB", (150, 100), "white")
    image.paste("#ff0000", (0, 0, 40, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "p.jpg", exif=exif, quality=95)
    framed = np.asarray(frame_poster(tmp_path / "p.jpg", (100, 150)))
    assert framed[5, 50, 2] < 100  # red is on top now
    assert framed[140, 50, 2] > 200


def test_text_fits_its_width():
    assert text_width(shorten("The Assassination of Jesse James", 120, 16), 16) <= 120
    spans = [Span(word, "#000000") for word in ("Documentary", "Biography", "Adventure", "History")]
    lines = wrap_spans(spans, 130, 16, 2)
    assert len(lines) == 2
    for line in lines:
        assert text_width("  ".join(span.text for span in line), 16) <= 131
    assert lines[-1][-1].text.endswith("…")


def test_letters_that_the_display_face_lacks_come_from_another():
    assert font_for("Amélie", 16).path != str(fallback_file())
    assert font_for("七人の侍", 16).path == str(fallback_file())


def test_every_colour_becomes_its_own_variable():
    named = LIGHT.named()
    assert len(set(named.values())) == len(named)
    assert set(named) == set(DARK.named())
    assert to_variables(f"fill: {named['categories3']}") == "fill: var(--categories3)"
    assert len(LIGHT.ramp(1)) == 1
