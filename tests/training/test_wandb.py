"""Contents of a finished run in W&B: logged offline and read back from its log."""

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("wandb")

from keyart.catalogue.catalogue import Catalogue
from keyart.training.loggers.run_logger import RunResults, finishing, log_results
from keyart.training.loggers.wandb_files import sync_line
from keyart.training.loggers.wandb_logger import WandbLog

METRICS = {
    "val/ndcg@10": 0.4,
    "val/ndcg@10/chance": 0.2,
    "test/queries": 8.0,
    "test/ndcg@10": 0.35,
    "test/ndcg@10/chance": 0.2,
    "test/ndcg@10/frozen": 0.3,
    "test/ndcg@10/lift": 1.5,
    "test/precision@10/genre/Action/Adventure": 0.4,
    "test/precision@10/genre/Action/Adventure/chance": 0.3,
    "test/precision@10/genre/Action/Adventure/dedup": 0.4,
    "test/precision@10/genre/Action/Adventure/dedup/chance": 0.3,
    "test/precision@10/genre/Drama": 0.6,
    "test/precision@10/genre/Drama/chance": 0.5,
    "test/precision@10/genre/Drama/frozen": 0.5,
    "test/precision@10/genre/Drama/lift": None,
}


def some_posters(n):
    genres = np.zeros((n, 2), dtype=bool)
    genres[:, 0] = True
    genres[::2, 1] = True
    names = np.array([f"p{i:04d}" for i in range(n)], dtype=object)
    return Catalogue(
        source=Path("catalogue.csv"),
        root=Path(),
        ids=names,
        files=names + ".jpg",
        films=names,
        genres=genres,
        genre_names=("Comedy", "Drama"),
        titles=np.array([f"Film {i}" for i in range(n)], dtype=object),
        years=np.array([np.nan, *range(1981, 1980 + n)]),
        split=None,
        extra=pd.DataFrame(index=range(n)),
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory, logged_out, open_run):
    """Provide a complete run: its folder, its output, and the contents of its log."""
    base = tmp_path_factory.mktemp("finished")
    folder = open_run(base / "run")
    catalogue = some_posters(24)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    (folder / "pictures").mkdir()
    for name in ("gallery.png", "pictures/curves.png"):
        Image.new("RGB", (8, 6), "red").save(folder / name)
    (folder / "train.log").write_text("all that was said\n")
    rng = np.random.default_rng(0)
    n = len(catalogue)
    embeddings = rng.normal(size=(n, 4)).astype(np.float32)
    results = RunResults(folder, METRICS, catalogue, np.array(["test"] * n), embeddings)
    logger = WandbLog(folder, name="a run", tags=["demo"], checkpoints=True, embeddings=True)
    printed = base / "stderr"
    with pytest.MonkeyPatch.context() as patch, printed.open("w") as stream:
        patch.setattr(sys, "stderr", stream)
        with finishing([logger]):
            for step, value in enumerate((0.1, 0.5, 0.4)):
                logger.log_metrics({"train/loss": 1 - value, "epoch": step}, 10 * step + 9)
                logger.log_metrics({"val/ndcg@10": value, "val/ndcg@10/chance": 0.2}, 10 * step + 9)
            log_results([logger], results)
    [session] = logger.offline_folders()
    return folder, session, printed.read_text(), results


@pytest.fixture(scope="module")
def message(finished, read_summary):
    return read_summary(finished[1])


@pytest.fixture(scope="module")
def records(finished, read_records):
    return read_records(finished[1])


def test_without_login_or_network_the_run_is_offline_and_finished(finished, message):
    folder, session, printed, _ = finished
    assert (message["state"], message["exit_code"]) == ("finished", 0)
    assert message["project"] == "keyart"
    assert message["name"] == "a run"
    assert message["tags"] == ["demo"]
    assert printed.splitlines()[-1] == f"wandb sync {shlex.quote(str(session))}"
    assert sync_line([folder, folder.parent]) == printed.splitlines()[-1]


def test_config_git_and_dataset_are_in_the_config(message):
    config = message["config"]
    assert config["loss"] == {"name": "angular", "margin": 45}
    assert config["git"] == {"commit": "c0ffee", "dirty": True}
    assert config["dataset"]["fingerprint"] == "f1ngerpr1nt"
    assert config["environment"]["python"] == "3.11.7"


def test_metrics_have_the_trainers_step_and_the_best_validation_is_the_summary(message, records, history_of):
    rows = history_of(records)
    assert list(rows) == [9, 19, 29]
    assert rows[19] == {"train/loss": 0.5, "train/epoch": 1, "val/ndcg@10": 0.5, "val/ndcg@10/chance": 0.2}
    assert message["summary"]["val/ndcg@10"] == {"max": 0.5}
    assert message["summary"]["train/loss"] == {"min": 0.5}


def test_what_stands_beside_a_metric_gets_no_panel_of_its_own(records):
    metrics = [r["metric"] for r in records if r["type"] == "metric"]
    hidden = {m["name"] for m in metrics if m["options"].get("hidden")}
    assert hidden == {"train/epoch", "val/ndcg@10/chance"}


def test_test_metrics_are_in_the_summary_with_chance_frozen_and_lift(message):
    for name, value in METRICS.items():
        if name.startswith("test/"):
            assert message["summary"].get(name) == value
    assert message["summary"]["best/ndcg@10"] == 0.4


def read_table(session, message, key):
    content = json.loads((session / "files" / message["summary"][key]["path"]).read_text())
    return content["columns"], content["data"]


def test_tables_of_metrics_and_genres(finished, message):
    session = finished[1]
    beside = ["chance", "frozen", "lift"]
    assert read_table(session, message, "test/metrics") == (
        ["metric", "value", *beside],
        [["ndcg@10", 0.35, 0.2, 0.3, 1.5]],
    )
    assert read_table(session, message, "test/genres") == (
        ["genre", "precision@10", *beside],
        [["Action/Adventure", 0.4, 0.3, None, None], ["Drama", 0.6, 0.5, 0.5, None]],
    )


def test_table_of_the_embedding(finished, message):
    results = finished[3]
    columns, rows = read_table(finished[1], message, "embedding/posters")
    assert columns == ["id", "title", "year", "genres", "split", "x", "y", "e0", "e1", "e2", "e3"]
    assert len(rows) == 24
    assert rows[5][:5] == ["p0005", "Film 5", 1985, "Comedy", "test"]
    assert rows[0][2:4] == [None, "Comedy, Drama"]
    np.testing.assert_allclose([row[7:] for row in rows], results.embeddings, rtol=1e-6)
    # principal components: uncorrelated, and the first varies most
    plane = np.array([row[5:7] for row in rows])
    covariance = np.cov(plane.T)
    assert abs(covariance[0, 1]) < 1e-5
    assert covariance[0, 0] == pytest.approx(np.linalg.eigvalsh(np.cov(results.embeddings.T))[-1], rel=1e-4)
    assert covariance[0, 0] > covariance[1, 1]


def test_every_picture_of_the_run_is_logged(finished, message):
    for name, file in (("pictures/gallery", "gallery.png"), ("pictures/curves", "curves.png")):
        shown = message["summary"][name]
        assert (shown["width"], shown["height"], shown["caption"]) == (8, 6, file)
        assert (finished[1] / "files" / shown["path"]).is_file()


def artifacts(records):
    return [record["artifact"] for record in records if record["type"] == "artifact"]


def test_checkpoints_are_an_artifact_when_asked_and_stay_where_they_are(finished, records):
    folder = finished[0]
    [model] = [a for a in artifacts(records) if a["type"] == "model"]
    [entry] = model["manifest"]["contents"]
    assert entry["path"] == "checkpoints/best.ckpt"
    assert entry["local_path"] == str(folder / "checkpoints" / "best.ckpt")


def test_nothing_that_will_be_uploaded_lies_outside_the_runs_folder(finished, records):
    folder, session, *_ = finished
    files = [Path(e["local_path"]) for a in artifacts(records) for e in a["manifest"]["contents"]]
    assert len(files) >= 4
    assert all(file.is_file() and file.is_relative_to(folder) for file in files)
    assert (session / "files" / "train.log").read_text() == "all that was said\n"
    assert not (session / "files" / "train.log").is_symlink()


@pytest.mark.parametrize(
    ("recorded", "asked", "project"),
    [("onesheet", "keyart", "onesheet"), ("onesheet", "mine", "mine"), ("keyart", "keyart", "keyart")],
)
def test_a_run_begun_under_the_former_name_continues_in_its_project(recorded, asked, project, tmp_path):
    (tmp_path / "config.yaml").write_text(f"logger:\n  name: wandb\n  project: {recorded}\n")
    assert WandbLog(save_dir=tmp_path, project=asked, mode="offline").name == project
