"""`keyart export --to embedding-atlas|fiftyone`: files that those tools open."""

import base64
import io
import json
import os
import subprocess
import sys
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from keyart.cli.commands.export import Target
from keyart.retrieval.export.embedding_atlas import SCHEMA
from keyart.runs.export import TARGETS
from tests.indexes import found, refused


@pytest.fixture(scope="module")
def exported(made, tmp_path_factory):
    """The folders of both exports of one run, and the run's vectors."""
    from keyart.api.run import load

    run, vectors = made[2][0]
    folders = {}
    for target in ("embedding-atlas", "fiftyone"):
        folders[target] = tmp_path_factory.mktemp("export") / target
        assert load(run).export(target, folders[target])["posters"] == 24
    return folders, vectors


def test_every_target_is_an_option():
    assert [one.value for one in Target] == list(TARGETS)


def test_embedding_atlas(exported, made):
    folders, vectors = exported
    assert [path.name for path in folders["embedding-atlas"].iterdir()] == ["posters.parquet"]
    table = pq.read_table(folders["embedding-atlas"] / "posters.parquet")
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert [one["id"] for one in rows] == [f"p{i:04d}" for i in range(24)]
    assert rows[5]["title"] == "Film 5"
    assert set(rows[5]["genres"]) <= {"Action", "Comedy", "Drama", "Horror"}
    assert all(-1 <= one["x"] <= 1 and -1 <= one["y"] <= 1 for one in rows)
    cosines = vectors @ vectors.T
    for row, poster in enumerate(rows):
        near, distances = poster["neighbors"]["ids"], poster["neighbors"]["distances"]
        assert len(near) == 15
        assert row not in near
        assert distances == sorted(distances)
        np.testing.assert_allclose(distances, 1 - cosines[row, near], atol=1e-5)
        assert max(distances) <= 1 - np.sort(cosines[row])[::-1][15] + 1e-5
    picture = Image.open(io.BytesIO(rows[0]["image"]))
    assert picture.format == "JPEG"


def test_fiftyone(exported, made):
    folders, vectors = exported
    samples = json.loads((folders["fiftyone"] / "samples.json").read_text())["samples"]
    about = json.loads((folders["fiftyone"] / "metadata.json").read_text())
    fields = {field["db_field"]: field for field in about["sample_fields"]}
    assert {key for one in samples for key in one} <= set(fields)
    assert len({one["_id"]["$oid"] for one in samples}) == 24
    for row, one in enumerate(samples):
        assert one["poster_id"] == f"p{row:04d}"
        assert one["filepath"] == str(made[1].resolve() / "posters" / f"p{row:04d}.jpg")
        assert one["tags"] == ["train"]
        packed = zlib.decompress(base64.b64decode(one["embedding"]["$binary"]["base64"]))
        np.testing.assert_array_equal(np.load(io.BytesIO(packed)), vectors[row])


def test_moved_posters_are_named(keyart, made, tmp_path):
    run = made[2][0][0]
    (tmp_path / "none").mkdir()
    for target in ("embedding-atlas", "fiftyone"):
        command = ("export", run, "--to", target, "--out", tmp_path / "out")
        refused(keyart(*command, "--images", tmp_path / "none"), "--images", tmp_path / "none" / "p0000.jpg")
        assert not (tmp_path / "out").exists()
    summary = found(keyart(*command, "--images", made[1] / "posters", "--json"))
    assert summary["files"] == ["metadata.json", "samples.json"]


ATLAS = """
import sys
from embedding_atlas.cli import main
main([*sys.argv[1].split()[1:], "--export-application", "site"])
"""


def test_embedding_atlas_reads_it(exported):
    """The released package builds its page from the file; set KEYART_ATLAS_PYTHON to a Python that has it."""
    python = os.environ.get("KEYART_ATLAS_PYTHON") or sys.executable
    if subprocess.run([python, "-c", "import embedding_atlas"], capture_output=True, check=False).returncode:
        pytest.skip("embedding-atlas is not installed")
    folder = exported[0]["embedding-atlas"]
    opened = "embedding-atlas posters.parquet --x x --y y --neighbors neighbors --text title --image image"
    done = subprocess.run([python, "-c", ATLAS, opened], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    props = json.loads((folder / "site" / "data" / "metadata.json").read_text())["props"]["data"]
    assert props["projection"] == {"x": "x", "y": "y"}
    assert (props["neighbors"], props["text"], props["image"]) == ("neighbors", "title", "image")
    assert pq.read_table(folder / "site" / "data" / "dataset.parquet").num_rows == 24


FIFTYONE = """
import json, sys
import fiftyone as fo
data = fo.Dataset.from_dir(sys.argv[1], dataset_type=fo.types.FiftyOneDataset)
sample = data.match({"poster_id": "p0005"}).first()
labels = [one.label for one in sample.genres.classifications]
print(json.dumps([len(data), sample.title, sample.year, labels, sample.tags, sample.embedding.tolist()]))
data.delete()
"""


def test_fiftyone_opens_it(exported, made):
    """The released package reads it; set KEYART_FIFTYONE_PYTHON to a Python that has it, with a database at hand."""
    python = os.environ.get("KEYART_FIFTYONE_PYTHON") or sys.executable
    if subprocess.run([python, "-c", "import fiftyone"], capture_output=True, check=False).returncode:
        pytest.skip("fiftyone is not installed")
    folders, vectors = exported
    command = [python, "-c", FIFTYONE, str(folders["fiftyone"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, title, _, labels, tags, vector = json.loads(done.stdout.strip().splitlines()[-1])
    assert (count, title, tags) == (24, "Film 5", ["train"])
    assert set(labels) <= {"Action", "Comedy", "Drama", "Horror"}
    np.testing.assert_array_equal(np.array(vector, np.float32), vectors[5])
