"""Loading of posters: all problems in one message, none ignored."""

import numpy as np
import pytest

from keyart.catalogue.reader import read_catalogue
from keyart.errors import InputError
from keyart.images.posters import load_posters


@pytest.fixture
def faulty(poster_folder, files):
    """A table with a row without genres, a row without an image, and three files that are not images."""
    folder = poster_folder / "posters"
    (folder / "p0003.jpg").write_text("This is no image.")
    (folder / "p0007.jpg").write_bytes((folder / "p0007.jpg").read_bytes()[:700])
    (folder / "p0011.jpg").write_bytes(files.png_that_claims(12_000, 10_000))
    lines = (poster_folder / "catalogue.csv").read_text().splitlines()
    lines[6] = "p0005.jpg,,Film 5,1985"
    lines[10] = lines[10].replace("p0009.jpg", "gone.jpg")
    (poster_folder / "catalogue.csv").write_text("\n".join(lines) + "\n")
    return read_catalogue(poster_folder / "catalogue.csv", folder)


def test_good_posters(posters, poster_catalogue):
    assert len(posters) == len(posters.pixels) == len(posters.groups) == 24
    assert posters.catalogue is poster_catalogue
    assert posters.skipped == []
    assert posters.pixels.image_size == (48, 32)
    assert posters.groups.dtype == np.int64


def test_error_reports_all_problems_at_once(faulty, tmp_path):
    catalogue, problems = faulty
    with pytest.raises(InputError) as caught:
        load_posters(catalogue, problems, image_size=(48, 32), cache_dir=tmp_path)
    summary = str(caught.value)
    for words in (
        "catalogue.csv", "5 problems", "no genres", "missing image", "unreadable image", "truncated image",
        "huge image", "p0003.jpg", "p0007.jpg", "p0011.jpg", "12000×10000", "data.on_bad_poster=skip",
    ):  # fmt: skip
        assert words in summary
    assert "\n" not in summary


def test_skip_continues_with_the_good_ones(faulty, tmp_path):
    catalogue, problems = faulty
    posters = load_posters(catalogue, problems, image_size=(48, 32), on_bad_poster="skip", cache_dir=tmp_path)
    left = [f"p{i:04}" for i in range(24) if i not in (3, 5, 7, 9, 11)]
    assert posters.catalogue.ids.tolist() == left
    assert len(posters.pixels) == len(posters.groups) == 19
    lines = [(problem.row, problem.file, problem.kind) for problem in posters.skipped]
    assert [t for t in lines if t[2] in ("unreadable image", "truncated image", "huge image")] == [
        (5, "p0003.jpg", "unreadable image"),
        (9, "p0007.jpg", "truncated image"),
        (13, "p0011.jpg", "huge image"),
    ]
    assert [row for row, _, _ in lines] == [5, 7, 9, 11, 13]


def test_problems_name_the_tables_own_lines(poster_folder, tmp_path):
    """This also holds after a row of two lines, and for a catalogue that is a part of a table."""
    path = poster_folder / "catalogue.csv"
    path.write_text(path.read_text().replace("Film 0", '"Film\n0"'))
    (poster_folder / "posters" / "p0003.jpg").write_text("no image")
    catalogue, _ = read_catalogue(path, poster_folder / "posters")
    part = catalogue.select([3, 1])
    for posters in (
        load_posters(catalogue, image_size=(48, 32), on_bad_poster="skip", cache_dir=tmp_path),
        load_posters(part, image_size=(48, 32), on_bad_poster="skip", cache_dir=tmp_path),
    ):
        assert [(problem.row, problem.id) for problem in posters.skipped] == [(6, "p0003")]


def test_a_problem_of_the_table_alone_stops_too(poster_folder, tmp_path):
    path = poster_folder / "catalogue.csv"
    path.write_text(path.read_text() + "p0000.jpg,,Again,1999\n")
    catalogue, problems = read_catalogue(path, poster_folder / "posters")
    assert problems
    with pytest.raises(InputError, match="row 26"):
        load_posters(catalogue, problems, image_size=(48, 32), cache_dir=tmp_path)


def test_no_good_poster_is_an_error_also_when_skipping(poster_catalogue, tmp_path):
    for path in poster_catalogue.paths:
        path.write_text("no image")
    with pytest.raises(InputError, match="24 unreadable image"):
        load_posters(poster_catalogue, image_size=(48, 32), on_bad_poster="skip", cache_dir=tmp_path)


def test_on_bad_poster_is_checked(poster_catalogue, tmp_path):
    with pytest.raises(InputError, match=r"data\.on_bad_poster=maybe: use error or skip"):
        load_posters(poster_catalogue, on_bad_poster="maybe", cache_dir=tmp_path)
