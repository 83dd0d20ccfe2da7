"""Small indexes and runs for tests of searching."""

import json

import numpy as np
import pandas as pd

from keyart.retrieval.index import PosterIndex


def clustered(n, width=16, seed=0, spread=0.35):
    """(n, width) unit vectors around n / 20 centres."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(n // 20, 1), width))
    vectors = centres[rng.integers(0, len(centres), n)] + spread * rng.standard_normal((n, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def table(n):
    """A table of n posters: genres by the row's remainders, years from 1980, the last year unknown."""
    genres = ["Drama|Horror" if i % 6 == 0 else "Drama" if i % 2 == 0 else "Comedy" for i in range(n)]
    years = pd.array([1980 + i % 40 for i in range(n - 1)] + [pd.NA], dtype="Int64")
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "film": [f"p{i}" for i in range(n)],
            "img": [f"p{i:04d}.jpg" for i in range(n)],
            "title": [f"Film {i}" for i in range(n)],
            "year": years,
            "genres": genres,
            "split": ["train"] * n,
        }
    )


def make_index(n=200, **given):
    return PosterIndex.of(clustered(n, **given), table(n))


def save_run(folder, embedder, catalogue, images, image_size=(96, 64)):
    """The folder of a run, as far as searching reads it: embedder, configuration, environment."""
    folder.mkdir(parents=True)
    embedder.save(folder / "embedder")
    record = {"data": {"image_size": list(image_size), "on_bad_poster": "error"}, "training": {"precision": "fp32"}}
    (folder / "config.yaml").write_text(json.dumps(record))
    (folder / "metrics.json").write_text("{}")
    dataset = {"catalogue": str(catalogue), "images": str(images)}
    (folder / "environment.json").write_text(json.dumps({"dataset": dataset}))
    return folder


def found(result):
    code, out, err = result
    assert code == 0, err
    return json.loads(out)


def refused(result, *named):
    code, out, err = result
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1, err
    for name in named:
        assert str(name) in err, err
