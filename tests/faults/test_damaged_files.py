"""Every file that a command reads back, damaged in every way: the answer is the same, or one line names the file."""

import json
import os
import shutil
import signal
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from keyart.images.pixel_cache import open_pixels
from keyart.models.feature_cache import cached_features
from keyart.runs.embed import embed_catalogue
from keyart.runs.run import Run
from keyart.utils.cache import load_array, save_array
from tests.shared_run import SIZE

OTHERS = {".json": b'{"some": "thing"}', ".yaml": b"some: thing\n", ".csv": b"a,b\n1,2\n"}
DAMAGES = {
    "empty": lambda content, suffix: b"",
    "half": lambda content, suffix: content[: len(content) // 2],
    "noise": lambda content, suffix: np.random.default_rng(0).bytes(max(len(content), 64)),
    "null": lambda content, suffix: b"null",
    "list": lambda content, suffix: b"[1, 2]",
    "deep": lambda content, suffix: b"[" * 50_000,
    "other": lambda content, suffix: OTHERS.get(suffix, b"PAR1" + content[4:-4][::-1] + b"PAR1"),
}
LATER = {
    "a bit": lambda content: (
        content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]
    ),
    "zeros": lambda content: content[:200] + bytes(len(content) - 200),
    "longer": lambda content: content + b"more",
    "no digest": lambda content: content[:-20],
}
"""Damages that leave a header as it was."""
READERS = {
    "config.yaml": ("search", "evaluate", "compare"),
    "environment.json": ("evaluate", "compare"),
    "metrics.json": ("compare",),
    "splits.csv": ("evaluate", "compare"),
    "per_query.parquet": ("compare",),
    "embedder/embedder.json": ("search",),
    "embedder/model.safetensors": ("search",),
    "index/index.json": ("search", "index"),
    "index/posters.parquet": ("search", "index"),
    "index/vectors.faiss": ("search", "index"),
    "parts/part-000000.parquet": ("embeddings",),
}


@pytest.fixture(scope="module")
def whole(made, tmp_path_factory):
    """A run with all files that the commands read, and embeddings of its posters."""
    folder = tmp_path_factory.mktemp("damaged") / "run"
    _, posters, ((run, _), _) = made
    shutil.copytree(run, folder)
    ids = [f"p{i:04d}" for i in range(24)]
    config = {"data": {"split_seed": 0}, "evaluation": {"relevance": "jaccard"}, "training": {}}
    known = json.loads((folder / "config.yaml").read_text())
    config = {group: {**values, **known.get(group, {})} for group, values in config.items()}
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": "run", **config}))
    dataset = {"catalogue": str(posters / "catalogue.csv"), "images": str(posters / "posters"), "fingerprint": "a"}
    (folder / "environment.json").write_text(json.dumps({"dataset": {**dataset, "posters": 24}}))
    pd.DataFrame({"id": ids, "split": ["test"] * 24}).to_csv(folder / "splits.csv", index=False)
    metrics = {"test/map": 0.5, "test/map/chance": 0.1, "test/map/frozen": 0.2, "test/map/lift": 4.0}
    (folder / "metrics.json").write_text(json.dumps({**metrics, "test/queries": 24, "test/gallery": 24}, indent=1))
    values = np.random.default_rng(0).random(24)
    pd.DataFrame({"id": ids, "split": "test", "map": values}).to_parquet(folder / "per_query.parquet", index=False)
    shutil.copy(posters / "posters" / "p0005.jpg", folder.parent / "query.jpg")
    embed_catalogue(Run.open(folder), posters / "catalogue.csv", posters / "posters", folder / "parts")
    return folder


@pytest.fixture(scope="module")
def known():
    return {}


@pytest.fixture
def answers(known, whole, keyart, tmp_path):
    """What each command prints for the undamaged run."""
    if not known:
        for name in ("search", "evaluate", "compare", "index", "embeddings"):
            run = tmp_path / "run"
            shutil.copytree(whole, run)
            code, known[name], err = keyart(*command(name, run, whole, tmp_path / "index"))
            assert code == 0, (name, err)
            shutil.rmtree(run)
    return known


def command(name, run, whole, out):
    return {
        "search": ["search", run, whole.parent / "query.jpg", "--json"],
        "evaluate": ["evaluate", run, "--json"],
        "compare": ["compare", whole, run, "--json"],
        "index": ["index", run, "--out", out, "--json"],
        "embeddings": ["index", run, "--embeddings", run / "parts", "--out", out, "--json"],
    }[name]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", READERS)
def test_a_damaged_file_of_a_run(file, damage, whole, answers, keyart, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    path = run / file
    path.write_bytes(DAMAGES[damage](path.read_bytes(), path.suffix))
    for name in READERS[file]:
        code, out, err = keyart(*command(name, run, whole, tmp_path / "index"))
        if code == 0 and out == answers[name]:
            continue
        assert code == 2, (name, out, err)
        last = err.strip().splitlines()[-1]
        assert last.startswith("keyart: "), (name, err)
        assert "Traceback" not in err
        assert path.name in last or str(path.parent) in last, (name, last)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again(damage, made, tmp_path):
    _, posters, ((run, _), _) = made
    files = sorted((posters / "posters").glob("*.jpg"))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    backbone = Run.open(run).embedder.backbone

    def read():
        pixels, _, bad = open_pixels([*files, broken], SIZE, cache_dir=tmp_path)
        features = cached_features(backbone, pixels, cache_dir=tmp_path, precision="fp32").copy()
        return features, pixels.take(np.arange(len(pixels))).numpy(), bad

    before, decoded, problems = read()
    damaged = [
        *tmp_path.glob("features/*.npy"),
        *tmp_path.glob("pixels/*/bad.json"),
        *tmp_path.glob("pixels/*/hashes.bin"),
        *tmp_path.glob("pixels/*/digests.bin"),
        *tmp_path.glob("pixels/*/rows.u8"),
    ]
    assert len(damaged) == 5
    for path in damaged:
        path.write_bytes(DAMAGES[damage](path.read_bytes(), path.suffix))
        again, pixels, same = read()
        assert np.array_equal(again, before)
        assert np.array_equal(pixels, decoded)
        assert str(same) == str(problems)


@pytest.mark.parametrize("damage", LATER)
def test_a_cached_array_is_compared_with_its_digest(damage, tmp_path):
    path, content = tmp_path / "a.npy", np.random.default_rng(0).random((50, 7)).astype(np.float32)
    save_array(path, content)
    assert np.array_equal(np.load(path), content)  # any reader takes it
    for mode in (None, "r", "c"):
        assert np.array_equal(load_array(path, np.float32, (50, None), mode), content)
    path.write_bytes(LATER[damage](path.read_bytes()))
    assert load_array(path, np.float32, (50, None), "r") is None


def test_arrays_of_former_versions_have_no_digest(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6))
    assert np.array_equal(load_array(tmp_path / "a.npy", np.int64, (6,)), np.arange(6))


@pytest.fixture
def parts(made, tmp_path, monkeypatch):
    """Embeddings of 24 posters in three parts."""
    monkeypatch.setattr("keyart.runs.embed.PART_SIZE", 10)
    monkeypatch.setattr("keyart.retrieval.embedding_folder.PART_SIZE", 10)
    _, posters, ((run, _), _) = made
    embed_catalogue(Run.open(run), posters / "catalogue.csv", posters / "posters", tmp_path / "parts")
    return tmp_path / "parts"


def flip(path):
    """Change a number of a vector, as a fault of a disk does."""
    content = path.read_bytes()
    vectors = np.asarray(pq.read_table(path)["embedding"].combine_chunks().flatten())
    at = content.find(vectors[40:41].tobytes())
    assert at > 0
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def swap(path):
    other = path.with_name("part-000000.parquet")
    path.write_bytes(other.read_bytes())


def count_posters(path):
    for part in path.parent.iterdir():
        table = pq.read_table(part)
        notes = json.loads(table.schema.metadata[b"keyart"])
        notes["about"]["posters"] = 10**12
        pq.write_table(table.replace_schema_metadata({"keyart": json.dumps(notes)}), part)


def rows(change):
    def write(path):
        table = pq.read_table(path)
        pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)

    return write


SHARDS = {
    "one bit": (flip, "part-000001.parquet", "damaged"),
    "another part": (swap, "part-000001.parquet", "holds part-000000.parquet"),
    "doubled rows": (rows(lambda t: pa.concat_tables([t, t])), "part-000001.parquet", "20 rows, not 10"),
    "a row less": (rows(lambda t: t.slice(1)), "part-000001.parquet", "9 rows, not 10"),
    "1e12 posters": (count_posters, "100,000,000,000 parts", "part-000003.parquet is missing"),
}


@pytest.mark.parametrize("damage", SHARDS)
def test_a_damaged_shard_of_embeddings_is_refused(damage, made, parts, keyart, tmp_path):
    change, *messages = SHARDS[damage]
    change(parts / "part-000001.parquet")
    code, _, err = keyart("index", made[2][0][0], "--embeddings", parts, "--out", tmp_path / "index")
    assert code == 2
    assert err.count("\n") == 1
    for text in (*messages, "run keyart embed"):
        assert text in err


@pytest.mark.parametrize("file", READERS)
def test_a_pipe_in_place_of_a_file_of_a_run(file, whole, answers, keyart, tmp_path):
    """Opening a pipe that nobody writes waits forever."""
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    path = run / file
    path.unlink()
    os.mkfifo(path)
    with time_limit(20):
        for name in READERS[file]:
            code, out, err = keyart(*command(name, run, whole, tmp_path / "index"))
            if code == 0 and out == answers[name]:
                continue
            assert code == 2, (name, out, err)
            assert "Traceback" not in err
            assert path.name in err or str(path.parent) in err, (name, err)


@contextmanager
def time_limit(seconds):
    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
