"""`keyart explain` on a run's folder: queries, results, and errors in one line."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.indexes import found, refused


def test_json_adds_up_and_the_picture_is_written(keyart, made, tmp_path):
    run, vectors = made[2][0]
    summary = found(keyart("explain", run, "p0005", "Film 9", "--out", tmp_path / "why.png", "--json"))
    assert summary["similarity"] == pytest.approx(float(vectors[5] @ vectors[9]), abs=1e-4)
    assert summary["method"] == "sum over positions"
    assert [poster["id"] for poster in summary["posters"]] == ["p0005", "p0009"]
    for poster in summary["posters"]:
        assert np.shape(poster["attributions"]) == (12, 8)
        assert np.sum(poster["attributions"]) == pytest.approx(poster["sum_of_attributions"])
        rest = poster["baseline"] + poster["non_spatial"] + poster["approximation_error"]
        assert np.sum(poster["attributions"]) + rest == pytest.approx(summary["similarity"], abs=1e-6)
        assert abs(poster["approximation_error"]) < 1e-5
    cues = summary["cues"]
    assert list(cues["parts"]) == ["colour", "texture", "layout", "content"]
    assert cues["baseline"] + sum(cues["parts"].values()) == pytest.approx(summary["similarity"], abs=1e-4)
    pairs = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert summary["closer_than"] == pytest.approx((pairs < summary["similarity"] - 2e-6).mean(), abs=1e-3)
    with Image.open(tmp_path / "why.png") as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert shown.shape[1] > 1000
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 1000
    assert not list(tmp_path.glob(".why*"))


def test_image_files_and_other_catalogues(keyart, made, tmp_path):
    _, posters, [(run, vectors), _] = made
    copy = tmp_path / "copy.jpg"
    shutil.copy(posters / "posters" / "p0005.jpg", copy)
    by_file = found(keyart("explain", run, copy, "p0009", "--json"))
    assert by_file["posters"][0]["image"] == str(copy)
    assert by_file["similarity"] == pytest.approx(float(vectors[5] @ vectors[9]), abs=1e-4)
    table = tmp_path / "other.csv"
    table.write_text("img,genres,title\np0005.jpg,Drama,Unheard Of\np0011.jpg,Comedy,Quite New\ngone.jpg,Comedy,Gone\n")
    summary = keyart("explain", run, "unheard of", "quite new", "--catalogue", table, "--images", posters / "posters")
    assert summary[0] == 2  # neither a picture nor JSON was requested
    code, out, err = keyart(
        "explain", run, "unheard of", "quite new", "--catalogue", table, "--images", posters / "posters", "--json"
    )
    assert "gone.jpg" in err
    summary = found((code, out, err))
    assert summary["similarity"] == pytest.approx(float(vectors[5] @ vectors[11]), abs=1e-4)


def test_without_the_posters_of_training_the_catalogue_gives_the_average(keyart, made, tmp_path):
    _, posters, [(run, _), _] = made
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    for name in ("environment.json", "index/index.json"):
        text = (moved / name).read_text()
        (moved / name).write_text(text.replace(str(posters / "posters"), str(tmp_path / "gone")))
    catalogue = ("--catalogue", posters / "catalogue.csv", "--images", posters / "posters")
    refused(keyart("explain", moved, "p0005", "p0009", "--json"), "--images")
    code, out, err = keyart("explain", moved, "p0005", "p0009", *catalogue, "--json")
    assert "average poster" in err
    again = found(keyart("explain", run, "p0005", "p0009", "--json"))
    assert found((code, out, err))["similarity"] == pytest.approx(again["similarity"], abs=1e-6)


def test_a_table_for_people(keyart, made, tmp_path):
    run = made[2][0][0]
    code, out, _ = keyart("explain", run, "p0005", "p0006", "--out", tmp_path / "why.png")
    assert code == 0
    assert "Film 5" in out
    for word in (
        "baseline",
        "attributions",
        "non-spatial",
        "error",
        "of random pairs",
        "the head's bias",
        "kinds of cue",
        "content",
    ):
        assert word in out
    assert str(tmp_path / "why.png") in out.replace("\n", "")


def test_what_is_refused(keyart, made, tmp_path):
    _, posters, [(run, _), _] = made
    text, huge, moved = tmp_path / "text.jpg", tmp_path / "huge.png", tmp_path / "moved"
    text.write_text("no image at all")
    Image.new("1", (10_000, 10_000)).save(huge)
    shutil.copytree(posters / "posters", moved)
    shutil.copy(moved / "p0001.jpg", moved / "p0005.jpg")
    png = ("--out", tmp_path / "why.png")
    refused(keyart("explain", run, "p0005", "p0006"), "--out")
    refused(keyart("explain", run, "p0005", "p0006", "--out", tmp_path / "why.jpg"), "why.jpg", ".png")
    refused(keyart("explain", run, "p0005", "p0006", "--out", tmp_path / "no" / "why.png"), tmp_path / "no")
    refused(keyart("explain", run, "p0005", "tt9999999", *png), "tt9999999")
    refused(keyart("explain", run, text, "p0005", *png), text, "unreadable")
    refused(keyart("explain", run, "p0005", huge, *png), huge, "10000×10000", "megapixels")
    refused(keyart("explain", run, "p0005", "p0006", *png, "--images", tmp_path / "gone"), "--images")
    refused(
        keyart("explain", run, "p0005", "p0006", *png, "--images", moved), "p0005.jpg", "differs from the indexed image"
    )
    refused(keyart("explain", run, "p0005", "p0006", *png, "--catalogue", tmp_path / "none.csv"), "none.csv")
    refused(keyart("explain", tmp_path, "p0005", "p0006", *png), tmp_path)
    assert not Path(png[1]).exists()
