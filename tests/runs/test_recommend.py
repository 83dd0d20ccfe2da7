"""`keyart recommend` and `keyart evaluate-history` on a run's folder: results and rejected input."""

import json

import numpy as np
import pandas as pd
import pytest

from keyart.recommend.candidates import Films, User, find_candidates, index_space
from keyart.recommend.interests import event_weights
from keyart.retrieval.index import PosterIndex
from tests.indexes import found, refused


@pytest.fixture
def history(tmp_path):
    """Provide a history on 24 posters: the third user watched no known film, the fourth watched all films."""
    rows = [
        *(("1", f"p{i:04d}", 5 - i % 3, 1e9 + 1e6 * i) for i in (1, 4, 6, 9)),
        ("1", "p9999", 5, 1e9),
        *(("2", f"p{i:04d}", 3, 1e9) for i in (2, 3)),
        ("3", "p9998", 4, 1e9),
        *(("4", f"p{i:04d}", 3, 1e9) for i in range(24)),
    ]
    table = pd.DataFrame(rows, columns=["userId", "id", "rating", "timestamp"])
    table.to_csv(tmp_path / "history.csv", index=False)
    return tmp_path / "history.csv"


def test_one_user(keyart, made, history):
    run = made[2][0][0]
    summary = found(keyart("recommend", run, "--history", history, "--user", 1, "-k", 5, "--json"))
    assert summary["user"] == "1"
    assert (summary["known_films"], summary["unknown_films"], summary["unknown"]) == (4, 1, ["p9999"])
    ids = [one["id"] for one in summary["candidates"]]
    assert len(set(ids)) == 5
    watched = {"p0001", "p0004", "p0006", "p0009"}
    assert not watched & set(ids)
    assert {one["because"]["id"] for one in summary["candidates"]} <= watched
    assert {one["medoid"]["id"] for one in summary["interests"]} <= watched
    assert sum(one["weight"] for one in summary["interests"]) == pytest.approx(1, abs=1e-3)
    assert sum(one["films"] for one in summary["interests"]) == 4
    index = PosterIndex.load(run / "index")
    at = np.array([1, 4, 6, 9])
    weights = event_weights(5.0 - at % 3, 1e9 + 1e6 * at, 4)
    expected = find_candidates(index, Films(index.posters), index_space(index), [User(at, weights)], 5)[0]
    assert ids == index.posters["id"].iloc[expected.rows].tolist()


def test_ratings_of_ten_rank_as_those_of_five(keyart, made, history):
    run = made[2][0][0]
    line = ["recommend", run, "--history", history, "--user", 1, "-k", 5, "--json"]
    five = found(keyart(*line))
    table = pd.read_csv(history)
    table.assign(rating=table["rating"] * 2).to_csv(history, index=False)
    code, out, err = keyart(*line)
    ten = json.loads(out)
    assert (code, five["rating_scale"], ten["rating_scale"]) == (0, 5, 10)
    assert "ratings from 6 to 10 on a scale up to 10 (inferred from the data)" in err
    assert ten["candidates"] == five["candidates"]
    assert ten["interests"] == five["interests"]
    wider = found(keyart(*line, "--rating-scale", 100))
    assert wider["rating_scale"] == 100
    assert wider["candidates"] != five["candidates"]  # 8 and 10 of 100 say nearly the same
    refused(keyart(*line, "--rating-scale", 5), "--rating-scale 5", "up to 10")
    refused(keyart("recommend", run, "--liked", "p0003", "--rating-scale", 5), "needs --history")


def test_everybody_into_parquet(keyart, made, history, tmp_path, monkeypatch):
    run = made[2][0][0]
    monkeypatch.setattr("keyart.runs.recommend.BATCH", 2)
    out = tmp_path / "out.parquet"
    summary = found(keyart("recommend", run, "--history", history, "-k", 4, "--out", out, "--json"))
    assert (summary["users"], summary["left_out"], summary["candidates"], summary["unknown_films"]) == (3, 1, 8, 2)
    assert summary["seconds_per_1000_users"] > 0
    table = pd.read_parquet(out)
    assert table["user"].tolist() == ["1"] * 4 + ["2"] * 4
    assert table["rank"].tolist() == [1, 2, 3, 4] * 2
    one = found(keyart("recommend", run, "--history", history, "--user", 1, "-k", 4, "--json"))["candidates"]
    mine = table[table["user"] == "1"]
    assert mine["id"].tolist() == [film["id"] for film in one]
    assert mine["because"].tolist() == [film["because"]["id"] for film in one]
    assert mine["interest"].tolist() == [film["interest"] for film in one]
    np.testing.assert_allclose(mine["score"], [film["score"] for film in one], atol=1e-5)
    code, text, _ = keyart("recommend", run, "--history", history, "--out", out)
    assert code == 0
    assert "per 1,000 users" in text
    assert "p9998" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.csv", "out.parquet"]


def test_films_that_somebody_likes(keyart, made):
    run = made[2][0][0]
    summary = found(keyart("recommend", run, "--liked", "p0003, p0010", "-k", 3, "--json"))
    assert summary["liked"] == ["p0003", "p0010"]
    ids = [one["id"] for one in summary["candidates"]]
    assert len(ids) == 3
    assert not {"p0003", "p0010"} & set(ids)
    code, out, _ = keyart("recommend", run, "--liked", "p0003", "-k", 3)
    assert code == 0
    assert "p0003" in out or "Film 3" in out


def test_the_same_from_milvus(keyart, made, history, tmp_path):
    pytest.importorskip("pymilvus")
    pytest.importorskip("milvus_lite")
    run = made[2][0][0]
    found(keyart("index", run, "--engine", "milvus", "--recall", "1", "--out", tmp_path / "i", "--json"))
    asked = ("recommend", run, "--history", history, "--user", 1, "-k", 5, "--json")
    own, there = found(keyart(*asked)), found(keyart(*asked, "--uri", tmp_path / "i" / "milvus.db"))
    assert [one["id"] for one in there["candidates"]] == [one["id"] for one in own["candidates"]]
    assert there["interests"] == own["interests"]
    out = tmp_path / "a.parquet"
    found(keyart("recommend", run, "--history", history, "--out", out, "--index", tmp_path / "i", "--json"))
    assert len(pd.read_parquet(out)) == 20 + 20


def test_what_is_refused(keyart, made, history, tmp_path):
    run, other = made[2][0][0], made[2][1][0]
    empty, strange = tmp_path / "empty.csv", tmp_path / "strange.csv"
    empty.write_text("userId,imdb_id,rating\n")
    strange.write_text("userId,imdb_id,rating\n7,tt0000001,4\n")
    refused(keyart("recommend", run), "--history")
    refused(keyart("recommend", run, "--history", history, "--liked", "p0001"), "either")
    refused(keyart("recommend", run, "--history", empty), empty)
    refused(keyart("recommend", run, "--history", strange), strange, "tt0000001")
    refused(keyart("recommend", run, "--history", history, "--user", 99), "--user 99", "from 1 to")
    refused(keyart("recommend", run, "--history", history, "--user", 3), "user 3", "p9998")
    refused(keyart("recommend", run, "--history", tmp_path / "no.csv"), "no.csv")
    refused(keyart("recommend", run, "--liked", "p0001,tt9999999"), "--liked tt9999999")
    refused(keyart("recommend", run, "--liked", "film"), "--liked film", "p0001")
    refused(keyart("recommend", run, "--liked", ","), "--liked")
    refused(keyart("recommend", run, "--liked", "p0001", "-k", 0), "-k 0")
    refused(keyart("recommend", run, "--liked", "p0001", "--out", tmp_path / "a.parquet"), "--out")
    refused(keyart("recommend", run, "--user", "1", "--liked", "p0001"), "--user 1")
    refused(keyart("recommend", run, "--history", history, "--out", tmp_path / "a.csv"), "a.csv", ".parquet")
    refused(keyart("recommend", run, "--history", history, "--out", tmp_path / "no" / "a.parquet"), "a.parquet")
    refused(keyart("recommend", run, "--liked", "p0001", "--index", other / "index"), "another embedder")
    refused(keyart("recommend", run, "--liked", "p0001", "--index", tmp_path), tmp_path)
    refused(keyart("evaluate-history", run, "--history", empty), empty)
    refused(keyart("evaluate-history", run, "--history", tmp_path / "no.csv"), "no.csv")
    refused(keyart("evaluate-history", run, "--history", history, "--images", tmp_path), "--catalogue")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.csv", "history.csv", "strange.csv"]
