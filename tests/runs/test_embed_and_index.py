"""`keyart embed` and `keyart index`: shards, resuming, engines, and rejected input."""

import json
import shutil

import faiss
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from keyart.api.run import load
from keyart.retrieval.index import PosterIndex
from keyart.web.library import Shown
from tests.indexes import found, refused


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr("keyart.runs.embed.PART_SIZE", 10)
    monkeypatch.setattr("keyart.retrieval.embedding_folder.PART_SIZE", 10)


@pytest.fixture
def where(made):
    _, posters, _ = made
    return ["--catalogue", posters / "catalogue.csv", "--images", posters / "posters"]


def parts(folder):
    return sorted(path.name for path in folder.glob("*.parquet"))


def test_shards_together_are_the_catalogue(keyart, made, where, tmp_path):
    run, vectors = made[2][0]
    first = found(keyart("embed", run, *where, "--out", tmp_path, "--shard", "1/2", "--json"))
    assert (first["posters"], first["computed"], first["skipped"]) == (14, 14, [])
    assert parts(tmp_path) == ["part-000000.parquet", "part-000002.parquet"]
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "index"), "part-000001.parquet")
    assert found(keyart("embed", run, *where, "--out", tmp_path, "--shard", "2/2", "--json"))["computed"] == 10
    table = pd.concat([pd.read_parquet(tmp_path / name) for name in parts(tmp_path)], ignore_index=True)
    assert table["id"].tolist() == [f"p{i:04d}" for i in range(24)]
    assert {"title", "year", "genres", "img"} <= set(table.columns)
    np.testing.assert_allclose(np.stack(table["embedding"]), vectors, atol=1e-5)


def test_a_stopped_job_continues(keyart, made, where, tmp_path):
    run = made[2][0][0]
    keyart("embed", run, *where, "--out", tmp_path)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in parts(tmp_path)}
    whole = (tmp_path / "part-000001.parquet").read_bytes()
    (tmp_path / "part-000001.parquet").unlink()
    (tmp_path / ".part-000001.parquet.77").write_bytes(whole[:100])  # what a killed job leaves
    again = found(keyart("embed", run, *where, "--out", tmp_path, "--json"))
    assert (again["posters"], again["computed"]) == (24, 10)
    assert (tmp_path / "part-000001.parquet").read_bytes() == whole
    after = {name: (tmp_path / name).stat().st_mtime_ns for name in parts(tmp_path)}
    assert [name for name in after if after[name] != before[name]] == ["part-000001.parquet"]


def age(folder):
    """Convert a folder to the format of version 0.1: with the project's former name and an `embeddings.json`."""
    for path in folder.glob("*.parquet"):
        part = pq.read_table(path)
        notes = json.loads(part.schema.metadata[b"keyart"])
        (folder / "embeddings.json").write_text(json.dumps(notes.pop("about")))
        pq.write_table(part.replace_schema_metadata({"onesheet": json.dumps(notes)}), path)


def test_folders_of_the_former_version_are_read(keyart, made, where, tmp_path):
    run, other = made[2][0][0], made[2][1][0]
    out = tmp_path / "out"
    keyart("embed", run, *where, "--out", out)
    age(out)
    (out / "part-000001.parquet").unlink()
    refused(keyart("embed", other, *where, "--out", out), "another embedder")
    assert found(keyart("embed", run, *where, "--out", out, "--json"))["computed"] == 10
    with pytest.warns(FutureWarning, match=r"embeddings\.json"):
        built = found(keyart("index", run, "--embeddings", out, "--out", tmp_path / "i", "--json"))
    assert built["posters"] == 24


@pytest.mark.parametrize("bad", [None, "first"])
def test_any_reader_takes_the_folder_as_one_table(bad, keyart, made, where, tmp_path):
    """The folder holds only parts of one schema, also if the first part lost every poster."""
    run, out, folder = made[2][0][0], tmp_path / "out", made[1]
    if bad:
        folder = shutil.copytree(made[1], tmp_path / "posters")
        for i in range(10):
            (folder / "posters" / f"p{i:04d}.jpg").write_text("no image")
    given = ["--catalogue", folder / "catalogue.csv", "--images", folder / "posters", "--on-bad-poster", "skip"]
    found(keyart("embed", run, *given, "--out", out, "--json"))
    count = 14 if bad else 24
    table = pd.read_parquet(out)
    assert len(table) == len(ds.dataset(out).to_table()) == pq.read_table(out).num_rows == count
    assert table["title"].tolist() == [f"Film {i}" for i in range(24 - count, 24)]
    assert np.stack(table["embedding"]).shape == (count, 8)
    # Some readers read every file in a folder: polars, Spark, DuckDB's and arrow's globs.
    assert {path.suffix for path in out.iterdir()} == {".parquet"}
    assert len({pq.read_schema(path).remove_metadata() for path in out.iterdir()}) == 1
    assert found(keyart("index", run, "--embeddings", out, "--out", tmp_path / "i", "--json"))["posters"] == count


def changed(change):
    """Change a part's table, with columns as lists and vectors as a list of lists."""

    def write(path):
        part = pq.read_table(path)
        columns = part.to_pydict()
        change(columns)
        table = pa.table(columns).replace_schema_metadata(part.schema.metadata)
        pq.write_table(table, path)

    return write


def set_number(value, row=3):
    def change(columns):
        columns["embedding"][row] = [value, *columns["embedding"][row][1:]]

    return changed(change)


def set_row(column, value, row=3):
    def change(columns):
        columns[column][row] = value

    return changed(change)


def scaled(factor):
    return changed(lambda c: c.update(embedding=[[x * factor for x in v] for v in c["embedding"]]))


def moved(path):
    notes = pq.read_schema(path).metadata
    about = json.loads(notes[b"keyart"])
    about["about"]["catalogue"] = "another"
    pq.write_table(pq.read_table(path).replace_schema_metadata({"keyart": json.dumps(about)}), path)


HARM = {
    "NaN": (set_number(float("nan")), "row 3 (id p0013)", "NaN or infinity"),
    "infinity": (set_number(float("inf")), "row 3 (id p0013)", "NaN or infinity"),
    "a number missing": (set_number(None), "row 3 (id p0013)", "NaN or infinity"),
    "too great for float32": (set_number(1e300), "row 3 (id p0013)", "NaN or infinity"),
    "no vector": (set_row("embedding", None), "row 3 (id p0013)", "no embedding"),
    "zero vector": (set_row("embedding", [0.0] * 8), "row 3 (id p0013)", "length 0"),
    "not unit": (scaled(3.0), "row 0 (id p0010)", "length 3", "divide"),
    "short": (set_row("embedding", [1.0] * 7), "row 3 (id p0013)", "7 numbers, not 8"),
    "all short": (changed(lambda c: c.update(embedding=[[1.0]] * 10)), "row 0", "1 numbers, not 8"),
    "whole numbers": (changed(lambda c: c.update(embedding=[[1] * 8] * 10)), "int64>, not lists of real numbers"),
    "texts": (changed(lambda c: c.update(embedding=["1 2 3"] * 10)), "column embedding is of string"),
    "no id": (set_row("id", None), "row 3", "has no id"),
    "empty id": (set_row("id", " "), "row 3", "has no id"),
    "ids twice": (set_row("id", "p0011"), "row 3", "'p0011'", "row 1"),
    "ids of another part": (set_row("id", "p0001"), "row 3", "'p0001'", "part-000000.parquet: row 1"),
    "ids as numbers": (changed(lambda c: c.update(id=list(range(10)))), "column id is of int64"),
    "no column of ids": (changed(lambda c: c.pop("id")), "has no column id"),
    "no column of vectors": (changed(lambda c: c.pop("embedding")), "has no column embedding"),
    "no column of genres": (changed(lambda c: c.pop("genres")), "has no column genres"),
    "years as words": (changed(lambda c: c.update(year=["long ago"] * 10)), "column year"),
    "another catalogue": (moved, "has another catalogue"),
    "not keyart's": (lambda path: pd.read_parquet(path).to_parquet(path), "not written by keyart"),
    "no Parquet": (lambda path: path.write_text("id,embedding"), "damaged"),
}


@pytest.mark.parametrize("engine", ["flat", "milvus"])
@pytest.mark.parametrize("harm", HARM)
def test_vectors_and_ids_that_cannot_be_searched(harm, engine, keyart, made, where, tmp_path, ten_parts):
    if engine == "milvus":
        pytest.importorskip("milvus_lite")
    change, *summary = HARM[harm]
    out = shutil.copytree(ten_parts, tmp_path / "out")
    change(out / "part-000001.parquet")
    line = ["index", made[2][0][0], "--embeddings", out, "--engine", engine, "--out", tmp_path / "i"]
    refused(keyart(*line), "part-000001.parquet", *summary)
    assert not (tmp_path / "i").exists()


@pytest.fixture(scope="module")
def ten_parts(made, tmp_path_factory):
    """Provide embeddings of 24 posters in parts of ten."""
    from keyart.runs import embed as embed_job
    from keyart.runs.run import Run

    out, folder = tmp_path_factory.mktemp("ten") / "out", made[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed_job, "PART_SIZE", 10)
        embed_job.embed_catalogue(Run.open(made[2][0][0]), folder / "catalogue.csv", folder / "posters", out)
    return out


def test_vectors_in_other_types_are_read(keyart, made, tmp_path, ten_parts):
    out = shutil.copytree(ten_parts, tmp_path / "out")
    for path, kind in zip(sorted(out.iterdir()), (pa.float64(), pa.float16(), pa.float32()), strict=True):
        part = pq.read_table(path)
        lists = pa.array(
            [np.array(v, kind.to_pandas_dtype()) for v in part["embedding"].to_pylist()], pa.large_list(kind)
        )
        part = part.set_column(1, "embedding", lists).set_column(0, "id", part["id"].dictionary_encode())
        pq.write_table(part, path)
    built = found(keyart("index", made[2][0][0], "--embeddings", out, "--out", tmp_path / "i", "--json"))
    assert built["posters"] == 24


def test_foreign_folders(keyart, made, tmp_path):
    run = made[2][0][0]
    pd.DataFrame({"id": ["a"], "embedding": [[1.0] + [0.0] * 7]}).to_parquet(tmp_path / "part-0.parquet")
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "i"), tmp_path, "keyart")
    refused(keyart("index", run, "--embeddings", tmp_path / "none", "--out", tmp_path / "i"), "none")
    (tmp_path / "embeddings.json").write_text("[")
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "i"), "embeddings.json")
    (tmp_path / "embeddings.json").write_text('{"embedder": 1}')
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "i"), "damaged")


def test_a_model_that_gives_no_numbers_writes_nothing(keyart, made, where, tmp_path, monkeypatch):
    monkeypatch.setattr("keyart.models.encoder.Encoder.encode", lambda *given: np.full((10, 8), np.nan, np.float32))
    refused(keyart("embed", made[2][0][0], *where, "--out", tmp_path / "out"), "p0000.jpg", "NaN")
    assert not parts(tmp_path / "out")


def test_a_runs_own_vectors_are_checked_too(keyart, made, tmp_path):
    run = shutil.copytree(made[2][0][0], tmp_path / "run")
    index = PosterIndex.load(run / "index")
    vectors = index.vectors()
    vectors[5] = 0
    flat = faiss.IndexFlatIP(8)
    flat.add(vectors)
    PosterIndex(flat, index.posters, None, index.notes).save(run / "index")
    refused(keyart("index", run, "--out", tmp_path / "i"), "row 5 (id p0005)", "length 0")


def test_posters_that_cannot_be_used(keyart, made, tmp_path):
    run = made[2][0][0]
    folder = tmp_path / "posters"
    shutil.copytree(made[1], folder)
    (folder / "posters" / "p0004.jpg").write_text("no image")
    where = ["--catalogue", folder / "catalogue.csv", "--images", folder / "posters", "--out", tmp_path / "out"]
    refused(keyart("embed", run, *where), "p0004")
    summary = found(keyart("embed", run, *where, "--on-bad-poster", "skip", "--json"))
    assert summary["posters"] == 23
    assert [one["id"] for one in summary["skipped"]] == ["p0004"]
    built = found(keyart("index", run, "--embeddings", tmp_path / "out", "--out", tmp_path / "index", "--json"))
    assert built["posters"] == 23


def test_rows_that_the_reader_left_out_are_reported_as_skipped(keyart, made, tmp_path):
    run, table = made[2][0][0], tmp_path / "t.csv"
    table.write_text((made[1] / "catalogue.csv").read_text() + "gone.jpg,Drama,x,1990\np0001.jpg,Drama),y,1990\n")
    where = [
        "--catalogue",
        table,
        "--images",
        made[1] / "posters",
        "--out",
        tmp_path / "out",
        "--on-bad-poster",
        "skip",
    ]
    lines = [found(keyart("embed", run, *where, "--shard", f"{i}/2", "--json")) for i in (1, 2)]
    assert sum(one["posters"] for one in lines) == 24
    # The second row of p0001 has two faults: unreadable genres, and a duplicate id.
    assert [one["id"] for one in lines[0]["skipped"]] == ["gone", "p0001", "p0001"]
    assert lines[1]["skipped"] == []
    assert "missing image" in lines[0]["skipped"][0]["problem"]


def test_posters_without_genres_are_embedded_indexed_and_searched(keyart, made, tmp_path):
    run, table = made[2][0][0], tmp_path / "t.csv"
    table.write_text("img\n" + "".join(f"p{i:04d}.jpg\n" for i in range(12)))
    where = ["--catalogue", table, "--images", made[1] / "posters"]
    assert found(keyart("embed", run, *where, "--out", tmp_path / "out", "--json"))["posters"] == 12
    found(keyart("index", run, "--embeddings", tmp_path / "out", "--out", tmp_path / "index", "--json"))
    there = ["search", run, "p0005", "--index", tmp_path / "index"]
    assert found(keyart(*there, "--json"))["neighbours"][0]["genres"] == []
    assert keyart(*there, "--png", tmp_path / "like.png")[0] == 0
    with Image.open(tmp_path / "like.png") as picture:
        assert picture.width > 100
    refused(keyart(*there, "--genre", "Drama"), "--genre", "no poster of the index has genres")
    shown = Shown(load(run), PosterIndex.load(tmp_path / "index"))
    assert shown.order("genre").labels == ["none"]
    refused(keyart("evaluate", run, *where), "no genres")


def test_another_decoder_gives_nearly_the_same_and_does_not_mix(keyart, made, where, tmp_path, monkeypatch):
    from keyart.images import nvjpeg

    run, vectors = made[2][0]
    line = ["embed", run, *where, "--out", tmp_path]
    taken = []
    decode = nvjpeg.decode_jpegs

    def decode_jpegs(files, image_size, device):
        pixels = decode(files, image_size, device)
        taken.extend(one is not None for one in pixels)
        return pixels

    monkeypatch.setattr(nvjpeg, "check_nvjpeg", lambda: None)
    monkeypatch.setattr(nvjpeg, "decode_jpegs", decode_jpegs)
    assert found(keyart(*line, "--decoder", "nvjpeg", "--json"))["computed"] == 24
    assert taken == [True] * 24
    table = pd.concat([pd.read_parquet(tmp_path / name) for name in parts(tmp_path)], ignore_index=True)
    np.testing.assert_allclose(np.stack(table["embedding"]), vectors, atol=0.02)
    refused(keyart(*line), tmp_path, "of images by nvjpeg")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_gpus_decoder_without_a_gpu(keyart, made, where, tmp_path):
    out = tmp_path / "out"
    refused(keyart("embed", made[2][0][0], *where, "--out", out, "--decoder", "nvjpeg"), "--decoder nvjpeg", "no GPU")
    assert not out.exists()


def test_an_index_of_embeddings_answers_like_the_runs_own(keyart, made, where, tmp_path):
    run = made[2][0][0]
    keyart("embed", run, *where, "--out", tmp_path / "out")
    own = found(keyart("search", run, "p0005", "--json"))["neighbours"]
    given = ["index", run, "--embeddings", tmp_path / "out", "--out", tmp_path / "index", "--json"]
    assert found(keyart(*given))["engine"] == "flat"
    there = found(keyart("search", run, "p0005", "--index", tmp_path / "index", "--json"))["neighbours"]
    assert [one["id"] for one in there] == [one["id"] for one in own]
    np.testing.assert_allclose([one["score"] for one in there], [one["score"] for one in own], atol=1e-5)


@pytest.mark.parametrize("engine", ["flat", "hnsw", "ivfpq"])
def test_engines_over_the_runs_own_vectors(engine, keyart, made, tmp_path):
    run, other = made[2][0][0], made[2][1][0]
    built = found(keyart("index", run, "--engine", engine, "--recall", "1", "--out", tmp_path / "i", "--json"))
    assert built["engine"] == engine
    assert built["recall@10"] == pytest.approx(1)
    own = found(keyart("search", run, "p0005", "-k", 5, "--json"))["neighbours"]
    there = found(keyart("search", run, "p0005", "-k", 5, "--index", tmp_path / "i", "--json"))["neighbours"]
    np.testing.assert_allclose([one["score"] for one in there], [one["score"] for one in own], atol=1e-6)
    refused(keyart("search", other, "p0005", "--index", tmp_path / "i"), "another embedder")
    code, out, _ = keyart("index", run, "--engine", engine, "--out", tmp_path / "i")
    assert code == 0
    assert "recall@10" in out


def test_what_is_refused(keyart, made, where, tmp_path):
    _, posters, [(run, _), (other, _)] = made
    out = tmp_path / "out"
    for shard in ("0/2", "3/2", "two", "1"):
        refused(keyart("embed", run, *where, "--out", out, "--shard", shard), f"--shard {shard}")
    keyart("embed", run, *where, "--out", out)
    refused(keyart("embed", other, *where, "--out", out), out, "another embedder")
    fewer = posters / "fewer.csv"
    fewer.write_text("\n".join((posters / "catalogue.csv").read_text().splitlines()[:9]) + "\n")
    refused(keyart("embed", run, "--catalogue", fewer, *where[2:], "--out", out), out, "another catalogue")
    refused(keyart("index", other, "--embeddings", out, "--out", tmp_path / "i"), out, "did not compute these")
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "i"), tmp_path, "keyart embed")
    refused(keyart("index", run, "--recall", "1.5", "--out", tmp_path / "i"), "--recall 1.5")
    (out / "part-000001.parquet").write_bytes((out / "part-000001.parquet").read_bytes()[:-20])
    refused(keyart("index", run, "--embeddings", out, "--out", tmp_path / "i"), "part-000001.parquet")
    assert not (tmp_path / "i").exists()
    (tmp_path / "file").write_text("")
    refused(keyart("index", run, "--out", tmp_path / "file"), tmp_path / "file")
