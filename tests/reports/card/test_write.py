"""Tests of the dataset card's files, written from the command line."""

import json
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keyart.catalogue import read_catalogue
from keyart.cli import app as cli
from keyart.reports.card import measure as facts
from keyart.reports.card.labels import summarise_labels
from keyart.reports.card.write import write_card
from tests.helpers import draw_posters


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("card"), n=40)


@pytest.fixture(scope="module")
def made(folder):
    out = folder / "out"
    (folder / "posters" / "p0003.jpg").write_bytes((folder / "posters" / "p0002.jpg").read_bytes())
    (folder / "posters" / "p0007.jpg").write_text("no image")
    lines = []
    content = write_card(
        folder / "catalogue.csv", folder / "posters", out, compare=["none", "digits"], report=lines.append
    )
    return out, content, lines


def test_the_json_has_the_keys_that_others_read(made):
    out, content, _ = made
    card = json.loads((out / "card.json").read_text())
    assert card == json.loads(json.dumps(content))
    assert {"shannon", "glcm", "delentropy"} <= card["complexity"].keys()
    for space in ("pixels", "frozen"):
        assert {"twonn", "mle", "pca"} <= card["intrinsic_dimension"][space].keys()
    assert {"labels", "cleanliness", "advice"} <= card.keys()
    assert set(card["advice"]) == {"input_size", "backbone", "embedding_size", "margin"}
    assert all({"start", "measured", "source", "unknown"} == set(one) for one in card["advice"].values())
    assert [one["name"] for one in card["references"]["sets"]] == ["this catalogue", "digits"]


def test_what_is_odd_is_reported(made):
    _, card, _ = made
    clean = card["cleanliness"]
    assert clean["exact_duplicates"] == [["p0002", "p0003"]]
    assert [fault["id"] for fault in clean["corrupt"]] == ["p0007"]
    assert len(clean["tiny"]) == card["catalogue"]["posters"] == 39
    assert card["catalogue"]["left_out"] == 1
    assert clean["leak"]["expected"] == pytest.approx(2 * 8 / 39 * 27 / 38)


def test_the_page_is_whole_and_loads_nothing(made):
    out, _, _ = made
    page = (out / "card.html").read_text()
    sources, opened, summary = [], [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            known = dict(attributes)
            sources.extend(known[name] for name in ("src", "href") if name in known)
            if tag == "section":
                opened.append(known["id"])

        def handle_data(self, data):
            summary.append(data)

    Reader().feed(page)
    assert opened == ["complexity", "among", "dimension", "labels", "suspects", "cleanliness", "advice"]
    assert all(source.startswith(("data:", "#")) for source in sources)
    words = " ".join(summary).split()
    assert "Delentropy" in words
    assert "nan" not in words
    assert "None" not in words
    pictures = {path.name for path in (out / "pictures").iterdir()}
    assert {"complexity.png", "references.png", "dimension.png", "genres.png", "co_occurrence.png"} <= pictures
    assert {"extremes.png", "suspects.png", "duplicates.png", "oddities.png"} <= pictures


def test_each_part_reports_what_it_took(made):
    _, card, summary = made
    assert set(card["seconds"]) == {line.split(":")[0] for line in summary} - {"all"}


def call(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["keyart", "card", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code, *capfd.readouterr()


def test_the_command_prints_one_json_or_a_table(folder, tmp_path, monkeypatch, capfd, made):
    asked = []

    def stand_in(*arguments, report, **options):
        asked.append((arguments, options))
        report("complexity: 1.0 s")
        return made[1]

    monkeypatch.setattr("keyart.reports.card.write.write_card", stand_in)
    arguments = ["--catalogue", folder / "catalogue.csv", "--out", tmp_path / "new", "--compare", "none, mnist"]
    code, out, err = call(monkeypatch, capfd, *arguments, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(made[1]))
    assert "complexity:" in err
    assert asked == [
        ((folder / "catalogue.csv", None, tmp_path / "new"), {"run": None, "compare": ["none", "mnist"]}),
    ]
    code, out, _ = call(monkeypatch, capfd, *arguments)
    assert code == 0
    assert "Delentropy" in out
    assert "chance" in out
    assert out.splitlines()[-1] == str(tmp_path / "new" / "card.html")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"--catalogue": "nowhere.csv"}, "nowhere.csv"),
        ({"--run": "nowhere"}, "nowhere"),
        ({"--compare": "nosuch"}, "nosuch"),
        ({"--out": "file/below"}, "file"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, tmp_path, monkeypatch, capfd, changed, named):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    arguments = {"--catalogue": folder / "catalogue.csv", "--images": folder / "posters", "--out": "new"} | changed
    code, out, err = call(monkeypatch, capfd, *(part for pair in arguments.items() for part in pair))
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert named in err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_run_adds_its_embeddings(folder, tmp_path, monkeypatch):
    import numpy as np

    def stand_in(posters, table, problems, run):
        rng = np.random.default_rng(0)
        return "resnet18", rng.normal(size=(len(posters), 32)), rng.normal(size=(len(posters), 8))

    monkeypatch.setattr(facts, "_vectors", stand_in)
    card = write_card(folder / "catalogue.csv", folder / "posters", tmp_path / "new", compare=["none"])
    assert list(card["intrinsic_dimension"]) == ["pixels", "frozen", "embeddings"]
    assert card["intrinsic_dimension"]["embeddings"]["ambient"] == 8


def test_a_card_of_few_posters_is_refused(tmp_path):
    from keyart.errors import InputError

    folder = draw_posters(tmp_path, n=8)
    with pytest.raises(InputError, match="8 posters can be used"):
        write_card(folder / "catalogue.csv", folder / "posters", tmp_path / "out", compare=["none"])


@pytest.mark.posters
def test_labels_of_real_posters(posters_dir):
    labels = summarise_labels(read_catalogue(posters_dir / "catalogue.csv", posters_dir / "posters")[0])
    assert labels["random_pairs"]["share_a_genre"] == pytest.approx(0.484, abs=0.0005)
    assert labels["random_pairs"]["same_set"] == pytest.approx(0.020, abs=0.0005)
    assert labels["genre_sets"]["distinct"] == 434


@pytest.mark.slow
def test_real_posters(posters_dir, tmp_path):
    """A tenth of the posters, all that are wider than high, and three that show the same picture."""
    table = pd.read_csv(posters_dir / "catalogue.csv", dtype=str)
    repeated = ["tt0093658", "tt0095275", "tt0100100"]
    wide = []
    for name in table["img"]:
        with Image.open(posters_dir / "posters" / name) as image:
            wide.append(image.width > image.height)
    assert sum(wide) == 57
    tenth = np.arange(len(table)) % 10 == 0
    chosen = table[tenth | wide | table["imdb_id"].isin(repeated)]
    chosen.to_csv(tmp_path / "catalogue.csv", index=False)
    card = write_card(tmp_path / "catalogue.csv", posters_dir / "posters", tmp_path / "out", compare=["none"])
    assert card["cleanliness"]["landscape"] == list(table["imdb_id"][wide])
    assert repeated in card["cleanliness"]["near_duplicates"]
    assert card["labels"]["suspects_found"]["precision"] > 3 * card["labels"]["suspects_found"]["chance"]
