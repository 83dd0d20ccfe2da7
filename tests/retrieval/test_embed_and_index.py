"""`keyart embed` and `keyart index`: shards, resuming, engines, and what is refused."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from tests.retrieval.indexes import found, refused


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr("keyart.embed_job.PIECE", 10)


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


def test_a_stopped_job_goes_on(keyart, made, where, tmp_path):
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


def test_parts_of_the_former_name_are_read(keyart, made, where, tmp_path):
    run = made[2][0][0]
    keyart("embed", run, *where, "--out", tmp_path)
    for path in tmp_path.glob("*.parquet"):
        part = pq.read_table(path)
        notes = {b"onesheet" if key == b"keyart" else key: value for key, value in part.schema.metadata.items()}
        pq.write_table(part.replace_schema_metadata(notes), path)
    assert found(keyart("embed", run, *where, "--out", tmp_path, "--json"))["computed"] == 0


def test_posters_that_cannot_be_used(keyart, made, tmp_path):
    run = made[2][0][0]
    folder = tmp_path / "posters"
    shutil.copytree(made[1], folder)
    (folder / "posters" / "p0004.jpg").write_text("no image")
    where = ["--catalogue", folder / "catalogue.csv", "--images", folder / "posters", "--out", tmp_path / "out"]
    refused(keyart("embed", run, *where), "p0004")
    told = found(keyart("embed", run, *where, "--on-bad-poster", "skip", "--json"))
    assert told["posters"] == 23
    assert [one["id"] for one in told["skipped"]] == ["p0004"]
    built = found(keyart("index", run, "--embeddings", tmp_path / "out", "--out", tmp_path / "index", "--json"))
    assert built["posters"] == 23


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
    refused(keyart("index", other, "--embeddings", out, "--out", tmp_path / "i"), out, "another embedder")
    refused(keyart("index", run, "--embeddings", tmp_path, "--out", tmp_path / "i"), tmp_path, "keyart embed")
    refused(keyart("index", run, "--recall", "1.5", "--out", tmp_path / "i"), "--recall 1.5")
    (out / "part-000001.parquet").write_bytes((out / "part-000001.parquet").read_bytes()[:-20])
    refused(keyart("index", run, "--embeddings", out, "--out", tmp_path / "i"), "part-000001.parquet")
    assert not (tmp_path / "i").exists()
    (tmp_path / "file").write_text("")
    refused(keyart("index", run, "--out", tmp_path / "file"), tmp_path / "file")
