"""`keyart search` on a run's folder: queries, results, and errors in one line."""

import io
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keyart.models import embedder as embedders
from keyart.models.encoder import Encoder
from keyart.retrieval.index import PosterIndex
from keyart.retrieval.random_pairs import percent
from tests.indexes import found, refused


def test_by_id(keyart, made):
    run, vectors = made[2][0]
    summary = found(keyart("search", run, "p0005", "-k", 4, "--json"))
    scores = vectors @ vectors[5]
    expected = [i for i in np.argsort(-scores, kind="stable") if i != 5][:4]
    assert summary["query"]["id"] == "p0005"
    assert [one["id"] for one in summary["neighbours"]] == [f"p{i:04d}" for i in expected]
    np.testing.assert_allclose([one["score"] for one in summary["neighbours"]], scores[expected], atol=1e-5)
    first = summary["neighbours"][0]
    assert first["title"] == f"Film {expected[0]}"
    assert first["img"] == f"p{expected[0]:04d}.jpg"
    assert set(first["genres"]) <= {"Action", "Comedy", "Drama", "Horror"}
    assert first["genres"]


def test_by_title_and_by_image_file(keyart, made, tmp_path):
    _, posters, [(run, _), _] = made
    by_id = found(keyart("search", run, "p0005", "--json"))["neighbours"]
    assert found(keyart("search", run, "film  5", "--json"))["neighbours"] == by_id
    copy = tmp_path / "copy.jpg"
    copy.write_bytes((posters / "posters" / "p0005.jpg").read_bytes())
    by_file = found(keyart("search", run, copy, "-k", 11, "--json"))
    assert by_file["query"] == {"image": str(copy)}
    assert by_file["neighbours"][0]["id"] == "p0005"
    assert by_file["neighbours"][0]["score"] == pytest.approx(1, abs=1e-4)
    assert [one["id"] for one in by_file["neighbours"][1:]] == [one["id"] for one in by_id]


def test_filters_and_duplicates(keyart, made):
    run = made[2][0][0]
    ids = [one["id"] for one in found(keyart("search", run, "p0003", "-k", 3, "--json"))["neighbours"]]
    assert ids[0] == "p0007"
    shown = found(keyart("search", run, "p0003", "-k", 3, "--hide-duplicates", "--json"))["neighbours"]
    assert shown[:2] == found(keyart("search", run, "p0003", "-k", 3, "--json"))["neighbours"][1:]
    assert len(shown) == 3
    some = found(keyart("search", run, "p0003", "--genre", "drama", "--year", "1980-1989", "--json"))["neighbours"]
    assert some
    assert all("Drama" in one["genres"] and one["year"] <= 1989 for one in some)


def test_each_cosine_comes_with_its_percentile_among_random_pairs(keyart, made):
    run, vectors = made[2][0]
    summary = found(keyart("search", run, "p0005", "-k", 6, "--json"))["neighbours"]
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    naive = [(pairs < one["score"] - 2e-6).mean() for one in summary]
    assert [one["closer_than"] for one in summary] == pytest.approx(naive, abs=1e-3)
    assert 0 < summary[-1]["closer_than"] <= summary[0]["closer_than"] <= 1
    out = keyart("search", run, "p0005", "-k", 6)[1]
    assert "closer than" in out
    assert percent(summary[0]["closer_than"]) in out


def test_filters_are_counted_in_json_table_and_picture(keyart, made, tmp_path, monkeypatch):
    run = made[2][0][0]
    notes = []
    monkeypatch.setattr(
        "keyart.reports.contact_sheet.draw_gallery",
        lambda *args, note, **rest: notes.append(note) or Image.new("RGB", (9, 9)),
    )
    plain = found(keyart("search", run, "p0003", "-k", 3, "--json"))
    assert plain["searched"] == plain["posters"]
    asked = ["search", run, "p0003", "-k", 3, "--genre", "drama", "--png", tmp_path / "a.png"]
    summary = found(keyart(*asked, "--json"))
    table = pd.read_parquet(run / "index" / "posters.parquet")
    passed = int(table["genres"].str.contains("Drama").sum())
    assert summary["searched"] == passed < summary["posters"] == len(table)
    heading = f"the 3 nearest of the {passed} that pass the filters, of {len(table)}"
    assert notes == [heading]
    assert heading in " ".join(keyart(*asked)[1].split())


def test_table_and_contact_sheet(keyart, made, tmp_path):
    _, posters, [(run, _), _] = made
    code, out, _ = keyart("search", run, "p0005", "--png", tmp_path / "sheet.png", "--diverse")
    assert code == 0
    assert "Film 5" in out
    with Image.open(tmp_path / "sheet.png") as sheet:
        small = sheet.size
    assert keyart("search", run, posters / "posters" / "p0005.jpg", "-k", 15, "--png", tmp_path / "sheet.png")[0] == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[1] > small[1]  # eight to a line, on two lines
        assert sheet.size[0] < small[0]


def test_what_is_refused(keyart, made, tmp_path):
    _, _, [(run, _), (other, _)] = made
    text, huge = tmp_path / "text.jpg", tmp_path / "huge.png"
    text.write_text("no image at all")
    Image.new("1", (10_000, 10_000)).save(huge)
    refused(keyart("search", run, "tt9999999"), "tt9999999")
    refused(keyart("search", run, "film"), "p0000", "p0001")
    refused(keyart("search", run, text), text)
    refused(keyart("search", run, huge), huge, "10000×10000")
    refused(keyart("search", run, tmp_path / "none.jpg"), "none.jpg")
    refused(keyart("search", run, tmp_path), tmp_path)
    refused(keyart("search", run, "p0001", "-k", 0), "-k 0")
    refused(keyart("search", run, "p0001", "--genre", "Western"), "Western", "Horror")
    refused(keyart("search", run, "p0001", "--year", "1999-1990"), "1999-1990")
    refused(keyart("search", run, "p0001", "--index", tmp_path), tmp_path, "keyart index")
    refused(keyart("search", run, "p0001", "--index", other / "index"), other / "index", "another embedder")
    refused(keyart("search", run, "p0001", "--png", tmp_path / "no" / "a.png"), tmp_path / "no")
    refused(keyart("search", run, "p0001", "--png", tmp_path / "a.png", "--images", tmp_path / "gone"), "--images")


@pytest.fixture
def titled(made, tmp_path):
    """Provide the run with films of real titles."""
    run = shutil.copytree(made[2][0][0], tmp_path / "titled")
    index = PosterIndex.load(run / "index")
    titles = ["Rango", "Diana", "Heat", "Heat", "Good, the Bad and the Ugly, The", *[f"Alien {i}" for i in range(9)]]
    posters = index.posters.copy()
    posters["title"] = titles + ["x" * 70_000] + [f"Other {i}" for i in range(23 - len(titles))]
    posters["year"] = pd.array([2011, 2013, 1995, 1986, *[1979] * 20], dtype="Int64")
    PosterIndex(index.index, posters, None, index.notes).save(run / "index")
    return run


@pytest.mark.parametrize("command", [["search"], ["recommend", "--liked"], ["explain", "p0003", "--json"]])
def test_films_that_may_be_meant_are_named(command, keyart, titled):
    line = [command[0], titled, *command[1:]]
    code, _, err = keyart(*line, "the piano")
    assert code == 2
    assert "Rango" not in err
    assert "Diana" not in err
    refused(keyart(*line, "heat"), "heat: several films match", "Heat (1995), p0002; Heat (1986), p0003")
    code, _, err = keyart(*line, "alien")
    assert err.count("Alien") == 5
    assert "; and 4 more" in err
    for odd in ("y" * 5000, "~nobody/x", "a\0b"):
        code, _, err = keyart(*line, odd)
        assert code == 2
        assert len(err) < 300
        assert len(err.splitlines()) == 1


def test_titles_with_commas_among_liked_films(keyart, titled):
    summary = found(keyart("recommend", titled, "--liked", "rango,Good, the Bad and the Ugly, The , p0007", "--json"))
    assert summary["liked"] == ["p0000", "p0004", "p0007"]
    refused(keyart("recommend", titled, "--liked", "rango, heat"), "--liked heat", "several films match")


def test_many_queries_at_once(keyart, made, tmp_path, monkeypatch):
    _, posters, [(run, _), _] = made
    image = posters / "posters" / "p0009.jpg"
    asked = ["p0005", "film 7", image, posters / "posters" / "p0011.jpg", "p0005"]
    alone = [found(keyart("search", run, one, "-k", 3, "--json")) for one in asked]
    opened, batches = [], []
    load_embedder, encode, load = embedders.load_embedder, Encoder.encode, PosterIndex.load

    def count(kind, call):
        def counted(*given, **named):
            opened.append(kind)
            return call(*given, **named)

        return counted

    def encoded(encoder, pixels):
        batches.append(len(pixels))
        return encode(encoder, pixels)

    monkeypatch.setattr(embedders, "load_embedder", count("embedder", load_embedder))
    monkeypatch.setattr(Encoder, "encode", encoded)
    monkeypatch.setattr(PosterIndex, "load", count("index", load))
    together = found(keyart("search", run, *asked, "-k", 3, "--json"))
    assert list(together) == ["results"]
    assert sorted(opened) == ["embedder", "index"]
    assert batches == [2]
    for one, two in zip(together["results"], alone, strict=True):
        assert one["query"] == two["query"]
        assert [hit["id"] for hit in one["neighbours"]] == [hit["id"] for hit in two["neighbours"]]
        np.testing.assert_allclose(
            [hit["score"] for hit in one["neighbours"]], [hit["score"] for hit in two["neighbours"]], atol=1e-4
        )
    code, out, _ = keyart("search", run, "p0005", "p0006", "-k", 2)
    assert code == 0
    assert "Film 5" in out
    assert "Film 6" in out


@pytest.mark.parametrize("kind", ["csv", "parquet", "txt", "-", "tsv"])
def test_queries_from_a_file(kind, keyart, made, tmp_path, monkeypatch):
    run = made[2][0][0]
    expected = ["p0005", "Film, 7", "film 9"]
    path = tmp_path / f"queries.{kind}"
    if kind == "csv":
        path.write_text('note,query\na,p0005\nb,"Film, 7"\nc,film 9\n', encoding="utf-8-sig")
    elif kind == "tsv":
        path.write_text("query\tnote\np0005\ta\nFilm, 7\tb\nfilm 9\t\n")
    elif kind == "parquet":
        pd.DataFrame({"query": expected}).to_parquet(path)
    elif kind == "txt":
        path.write_text("\n".join(["p0005", "", "  Film, 7 ", "film 9"]) + "\n")
    else:
        path = "-"
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(expected)))
    summary = found(keyart("search", run, "p0001", "--queries", path, "--json"))["results"]
    assert [one["query"]["id"] for one in summary] == ["p0001", "p0005", "p0007", "p0009"]


def test_one_query_of_a_list_is_a_list(keyart, made, tmp_path):
    (tmp_path / "a.txt").write_text("p0005\n")
    summary = found(keyart("search", made[2][0][0], "--queries", tmp_path / "a.txt", "--json"))
    assert [one["query"]["id"] for one in summary["results"]] == ["p0005"]


def test_a_query_that_cannot_be_used_ends_all_of_them(keyart, made, tmp_path, monkeypatch):
    _, _, [(run, _), _] = made
    bad, text = tmp_path / "bad.jpg", tmp_path / "a.txt"
    bad.write_text("no image")
    monkeypatch.setattr(PosterIndex, "search", lambda *given: pytest.fail("searched all the same"))
    refused(keyart("search", run, "p0001", bad, "p0002"), bad)
    refused(keyart("search", run, "p0001", "nonsense", bad, "film"), "nonsense", "2 more of 4 queries")
    refused(keyart("search", run), "--queries")
    refused(keyart("search", run, "p0001", " "), "empty")
    refused(keyart("search", run, "p0001", "p0002", "--png", tmp_path / "a.png"), "--png", "one query")
    refused(keyart("search", run, "--queries", tmp_path / "none.csv"), "none.csv")
    refused(keyart("search", run, "--queries", tmp_path / "none.txt"), "none.txt")
    refused(keyart("search", run, "--queries", tmp_path), tmp_path)
    text.write_text(" \n")
    refused(keyart("search", run, "--queries", text), text, "contains no query")
    text.write_bytes(b"\xff\xfe\x00")
    refused(keyart("search", run, "--queries", text), text)
    table = tmp_path / "a.csv"
    table.write_text("id,title\np0001,a\n")
    refused(keyart("search", run, "--queries", table), table, "no column query", "id, title")
    table.write_text('query\n"p0001\n')
    refused(keyart("search", run, "--queries", table), table)


def test_a_damaged_index_is_refused(keyart, made, tmp_path):
    run = made[2][0][0]
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (run / "index").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = bytearray((copy / "vectors.faiss").read_bytes())
    data[-7] ^= 4
    (copy / "vectors.faiss").write_bytes(data)
    refused(keyart("search", run, "p0001", "--index", copy), copy, "vectors.faiss")


ALONE = """
import sys
from keyart.cli import app as cli
try:
    cli.main()
finally:
    print([name for name in {names} if name in sys.modules], file=sys.stderr)
"""
NOT_NEEDED = (
    *("torch", "scipy", "sklearn", "matplotlib", "PIL", "jinja2", "keyart.metrics", "keyart.reports"),
    *("pandas", "pyarrow.compute", "pyarrow.dataset", "rapidfuzz", "yaml"),
)


@pytest.mark.parametrize("query", ["p0003", "Film 3"])
def test_id_and_title_need_little(made, query):
    """The command answers without importing what only images, pictures or evaluations need."""
    command = [sys.executable, "-c", ALONE.format(names=NOT_NEEDED), "search", str(made[2][0][0]), query]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
