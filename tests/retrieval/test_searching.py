"""`keyart search` on a run's folder: what is typed, what comes back, and what is refused in one line."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from keyart.retrieval.random_pairs import percent
from tests.retrieval.indexes import found, refused


def test_by_id(keyart, made):
    run, vectors = made[2][0]
    told = found(keyart("search", run, "p0005", "-k", 4, "--json"))
    scores = vectors @ vectors[5]
    wanted = [i for i in np.argsort(-scores, kind="stable") if i != 5][:4]
    assert told["query"]["id"] == "p0005"
    assert [one["id"] for one in told["neighbours"]] == [f"p{i:04d}" for i in wanted]
    np.testing.assert_allclose([one["score"] for one in told["neighbours"]], scores[wanted], atol=1e-5)
    first = told["neighbours"][0]
    assert first["title"] == f"Film {wanted[0]}"
    assert first["img"] == f"p{wanted[0]:04d}.jpg"
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
    told = found(keyart("search", run, "p0005", "-k", 6, "--json"))["neighbours"]
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    naive = [(pairs < one["score"] - 2e-6).mean() for one in told]
    assert [one["closer_than"] for one in told] == pytest.approx(naive, abs=1e-3)
    assert 0 < told[-1]["closer_than"] <= told[0]["closer_than"] <= 1
    out = keyart("search", run, "p0005", "-k", 6)[1]
    assert "closer than" in out
    assert percent(told[0]["closer_than"]) in out


def test_filters_are_counted_in_json_table_and_picture(keyart, made, tmp_path, monkeypatch):
    run = made[2][0][0]
    notes = []
    monkeypatch.setattr(
        "keyart.contact_sheet.draw_gallery",
        lambda *args, note, **rest: notes.append(note) or Image.new("RGB", (9, 9)),
    )
    plain = found(keyart("search", run, "p0003", "-k", 3, "--json"))
    assert plain["searched"] == plain["posters"]
    asked = ["search", run, "p0003", "-k", 3, "--genre", "drama", "--png", tmp_path / "a.png"]
    told = found(keyart(*asked, "--json"))
    table = pd.read_parquet(run / "index" / "posters.parquet")
    passed = int(table["genres"].str.contains("Drama").sum())
    assert told["searched"] == passed < told["posters"] == len(table)
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
