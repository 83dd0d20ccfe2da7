"""Every file that a command reads back, damaged in every way: the answer is the same, or one line names the file."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from keyart.images.pixel_cache import open_pixels
from keyart.models.feature_cache import cached_features
from keyart.runs.run import Run
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
    from keyart.runs.embed import embed_catalogue

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
        return cached_features(backbone, pixels, cache_dir=tmp_path, precision="fp32").copy(), bad

    before, problems = read()
    damaged = [
        *tmp_path.glob("features/*.npy"),
        *tmp_path.glob("pixels/*/bad.json"),
        *tmp_path.glob("pixels/*/hashes.bin"),
    ]
    assert len(damaged) == 3
    for path in damaged:
        path.write_bytes(DAMAGES[damage](path.read_bytes(), path.suffix))
        again, same = read()
        assert np.array_equal(again, before)
        assert str(same) == str(problems)
