"""Hostile titles, genres, file names, run names and swept values, wherever keyart shows them."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.reader import read_catalogue
from keyart.images.posters import load_posters
from keyart.launch.sweep.finish import report_sweep
from keyart.models.embedder import embed
from keyart.reports.run_report import write_report
from keyart.retrieval.index import PosterIndex
from keyart.runs.run import Run
from keyart.utils.text import csv_table, printable
from tests.helpers import draw_posters
from tests.indexes import save_run
from tests.reports.inputs import make_inputs
from tests.reports.test_report import Page
from tests.runs.sweep.folders import make_sweep
from tests.runs.test_compare import make_run
from tests.shared_run import SIZE, new_embedder

TITLES = [
    "x[/b] <img src=x onerror=alert(1)>",
    "[red]Rec[/red]",
    '=HYPERLINK("x")',
    "\x1b[2J\x9b31mClear",
    "'\"><script>alert(1)</script>",
    "$\\frac{$ a_b^c",
    ":smile: {0} %s %(x)s ${y}",
    "\u202ereversed",
    "-2+3|' /C calc'!A0",
]
GENRES = sorted(['"><b>Comedy', "=Drama", "$a_{$", "<script>x</script>"])
ACTIVE = {*map(chr, range(9)), *map(chr, range(11, 32)), *map(chr, range(127, 160)), "\u202e"}


def is_calm(text):
    """Nothing that acts on a terminal."""
    return not ACTIVE & set(text)


def is_harmless(path):
    """No element or attribute that users' text brought in."""
    page = Page(path.read_text(encoding="utf-8"))
    assert not page.faults
    assert {"script", "b>comedy", "x"}.isdisjoint(name for name, _ in page.elements)
    assert not [attrs for _, attrs in page.elements if any(name.startswith("on") for name in attrs)]
    return page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 drawn posters with hostile titles and file names, one of which is missing."""
    created = draw_posters(tmp_path_factory.mktemp("hostile") / "made")
    with (created / "catalogue.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = {0: "x[/b].jpg", 1: "[red]a[ red].jpg", 2: "<i>.jpg", 3: "=1+1.jpg"}
    for at, row in enumerate(rows):
        row["title"] = TITLES[at % len(TITLES)]
        if at in names:
            (created / "posters" / names[at]).parent.mkdir(exist_ok=True)
            (created / "posters" / row["img"]).rename(created / "posters" / names[at])
            row["img"] = names[at]
    rows.append(rows[0] | {"img": "gone[/b]<img>.jpg"})
    with (created / "catalogue.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return created


@pytest.fixture(scope="module")
def catalogue(folder) -> Catalogue:
    from dataclasses import replace

    table, _ = read_catalogue(folder / "catalogue.csv", folder / "posters")
    return replace(table, genre_names=tuple(GENRES))


@pytest.fixture(scope="module")
def run(folder, catalogue):
    """An untrained run over them whose index has the hostile genres too."""
    embedder = new_embedder(0)
    run = save_run(folder / "[run] <b>", embedder, folder / "catalogue.csv", folder / "posters", SIZE)
    problems = read_catalogue(folder / "catalogue.csv", folder / "posters")[1]
    loaded = load_posters(catalogue, problems, image_size=SIZE, on_bad_poster="skip")
    vectors = embed(embedder, loaded.pixels, precision="fp32").numpy()
    PosterIndex.build(vectors, catalogue, np.array(["train"] * len(catalogue))).save(run / "index")
    return run


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")


def test_check_shows_file_names_as_they_are(keyart, folder):
    arguments = ["check", "--catalogue", folder / "catalogue.csv", "--images", folder / "posters"]
    code, out, _ = keyart(*arguments)
    assert code == 1
    assert "gone[/b]<img>.jpg" in out
    assert is_calm(out)
    code, out, _ = keyart(*arguments, "--json")
    assert "gone[/b]<img>.jpg" in json.dumps(json.loads(out)["problems"])
    assert is_calm(out)


@pytest.mark.parametrize("at", range(len(TITLES)))
def test_search_shows_titles_and_genres_as_they_are(keyart, run, catalogue, at):
    code, out, err = keyart("search", run, catalogue.ids[at], "-k", 20)
    assert code == 0, err
    shown = {printable(title) for title in catalogue.titles}
    assert sum(title in out for title in shown) >= len(TITLES) - 1
    assert all(genre in out for genre in GENRES)
    assert is_calm(out)
    code, out, _ = keyart("search", run, catalogue.ids[at], "-k", 20, "--json")
    assert is_calm(out)
    assert {one["title"] for one in json.loads(out)["neighbours"]} <= set(catalogue.titles)


def test_search_draws_a_contact_sheet_of_them(keyart, run, catalogue, tmp_path):
    code, _, err = keyart("search", run, catalogue.ids[0], "--png", tmp_path / "x.png")
    assert code == 0, err
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_recommend_and_explain_show_them_as_they_are(keyart, run, catalogue, tmp_path):
    code, out, err = keyart("recommend", run, "--liked", ",".join(catalogue.ids[[0, 1, 4]]), "-k", 20)
    assert code == 0, err
    for title in (TITLES[0], TITLES[1], TITLES[4]):
        assert title in out
    assert is_calm(out)
    code, out, err = keyart("explain", run, *catalogue.ids[[0, 2]], "--out", tmp_path / "[x].png")
    assert code == 0, err
    assert TITLES[0] in out
    assert "[x].png" in out
    assert is_calm(out)


def test_recommend_for_a_hostile_user(keyart, run, catalogue, tmp_path):
    user = "[/b]\x1b[2J"
    table = pd.DataFrame({"user": [user, "2"], "id": catalogue.ids[[0, 1]], "rating": 5})
    table.to_csv(tmp_path / "history.csv", index=False)
    code, out, err = keyart("recommend", run, "--history", tmp_path / "history.csv", "--user", user)
    assert code == 0, err
    assert "[/b]\\x1b[2J" in out
    assert is_calm(out)


@pytest.mark.parametrize("text", ["[/b]", "\x1b[2J", "a\nb", "\udcff", "<b>"])
def test_errors_are_one_calm_line(keyart, run, tmp_path, text):
    for arguments in (
        ["search", run, f"{text}/nosuch"],
        ["check", "--catalogue", tmp_path / f"{text}.csv"],
        ["search", run, f"--no-such-{text}"],
        ["evaluate", tmp_path / text],
    ):
        code, out, err = keyart(*arguments)
        assert code == 2
        assert out == ""
        assert len(err.splitlines()) == 1
        assert is_calm(err)
        assert "\n" in text or printable(text) in err


def test_compare_shows_run_names_as_they_are(keyart, tmp_path):
    runs = [make_run(tmp_path / name) for name in ("[link=x]a", "[red]b[ red]", ":smile: <i>")]
    code, out, err = keyart("compare", *[run.folder for run in runs])
    assert code == 0, err
    for name in ("[link=x]a", "[red]b[ red]", ":smile: <i>"):
        assert name in out
    assert is_calm(out)


def test_the_report_shows_titles_and_genres_as_text(catalogue, tmp_path):
    inputs = make_inputs(catalogue, test=18)
    inputs["config"] |= {"name": "<script>alert(1)</script>", "loss": {"name": "<img src=x onerror=alert(1)>"}}
    page = is_harmless(write_report(tmp_path, **inputs))
    for text in (TITLES[0], TITLES[4], *GENRES, "<script>alert(1)</script>", printable(TITLES[3])):
        assert " ".join(text.split()) in page.text + " ".join(attrs.get("alt", "") for attrs in page.all("img"))


def test_the_cards_faults_are_text():
    from keyart.reports.html import load_macros

    fault = {"row": 2, "id": "x", "file": "<img src=x onerror=alert(1)>.jpg", "kind": "<b>", "detail": "<script>"}
    leak = {"train": 0.7, "test": 0.2, "test_posters": 1, "expected": 0, "expected_with_films": 0}
    clean = {"corrupt": [fault], "leak": leak | {"in_column_split": None}, "lookalikes": []}
    record = {"groups": [], "more_groups": 0, "lookalikes": [], "oddities": [], "images": None}
    page = Page(load_macros("card.html.j2", content={"cleanliness": clean}, **record).cleanliness())
    assert {"img", "b", "script"}.isdisjoint(name for name, _ in page.elements)
    assert fault["file"] in page.texts


VALUES = ["<img src=x onerror=alert(1)>", "[red]x[ red]", "=1+1", "$a_{$"]


@pytest.fixture
def sweep(tmp_path):
    quoted = ",".join(f"'{value}'" for value in VALUES)
    return make_sweep(
        tmp_path / "[red]<i>", [f"model={quoted}", "loss.margin=36,45"], lambda s: 0.3 + s["loss.margin"] / 1e3
    )


def test_swept_values_are_text_on_the_page_in_the_table_and_on_the_terminal(sweep, keyart):
    report_sweep(sweep)
    page = is_harmless(sweep / "sweep.html")
    for value in VALUES:
        assert value in page.text
    with (sweep / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {VALUES[0], VALUES[1], "'=1+1", VALUES[3]}
    code, out, err = keyart("compare", sweep)
    assert code == 0, err
    for value in VALUES:
        assert value in out
    assert "[red]<i>" in out


def test_ids_that_look_like_formulas_come_back_from_splits_csv(tmp_path):
    table = pd.DataFrame({"id": ["=1+1", "'=a", "-5", "NA", "p1"], "split": ["train", "val", "test", "train", "val"]})
    (tmp_path / "splits.csv").write_text(csv_table(table).to_csv(index=False))
    assert "\n'=1+1,train" in (tmp_path / "splits.csv").read_text()
    assert Run.splits.func(type("Here", (), {"folder": tmp_path, "dataset": {}})()).to_dict() == dict(
        zip(table["id"], table["split"], strict=True)
    )
