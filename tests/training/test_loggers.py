"""TensorBoard and MLflow: Lightning writes to the loggers that their YAML builds, and the logs can be read."""

import io
from contextlib import suppress

import lightning
import numpy as np
import pytest
from hydra.utils import instantiate
from lightning.pytorch.demos.boring_classes import BoringModel
from PIL import Image

from keyart.catalogue.catalogue import Catalogue
from keyart.config.preflight import compose_plain
from keyart.training.loggers.run_logger import RunResults, finishing, log_results


class Model(BoringModel):
    def training_step(self, batch, index):
        self.log("train/loss", 0.5 ** (self.global_step + 1))
        return super().training_step(batch, index)

    def validation_step(self, batch, index):
        self.log("val/ndcg@10", 0.25 * (self.current_epoch + 1))


def fit(logger, folder):
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=2,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(Model())


def built(name, folder):
    return instantiate(compose_plain([f"logger={name}", "name=a-run"])["logger"][name]["build"], save_dir=str(folder))


METRICS = {
    "val/ndcg@10": 0.5,
    "val/ndcg@10/chance": 0.2,
    "test/ndcg@10": 0.4,
    "test/ndcg@10/chance": 0.2,
    "test/ndcg@10/frozen": 0.3,
    "test/ndcg@10/lift": 2.0,
    "test/map": None,
}


@pytest.fixture
def results(tmp_path):
    """Return the results that a finished run passes to its loggers, with two pictures."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (30, 20), (200, 10, 10)).save(tmp_path / "gallery.png")
    Image.new("RGBA", (8, 6), (0, 0, 255, 255)).save(tmp_path / "pictures" / "map.png")
    catalogue = Catalogue.__new__(Catalogue)
    return RunResults(tmp_path, METRICS, catalogue, np.array([]), np.zeros((0, 2)))


def events_of(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    fit(built("tensorboard", tmp_path), tmp_path)
    events = events_of(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(i, 0.5 ** (i + 1)) for i in range(4)]
    assert [(e.step, e.value) for e in events.Scalars("val/ndcg@10")] == [(1, 0.25), (3, 0.5)]


def test_tensorboard_gets_test_metrics_and_pictures(tmp_path, results):
    pytest.importorskip("tensorboard")
    logger = built("tensorboard", tmp_path)
    with finishing([logger]):
        fit(logger, tmp_path)
        log_results([logger], results)
    events = events_of(tmp_path)
    found = {name: [(e.step, round(e.value, 6)) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert found["test/ndcg@10"] == [(3, 0.4)]
    assert found["test/ndcg@10/lift"] == [(3, 2.0)]
    assert found["best/ndcg@10"] == [(3, 0.5)]
    assert "test/map" not in found
    assert set(events.Tags()["images"]) == {"pictures/gallery", "pictures/map"}
    (shown,) = events.Images("pictures/gallery")
    picture = Image.open(io.BytesIO(shown.encoded_image_string))
    assert (picture.size, picture.getpixel((0, 0)), shown.step) == ((30, 20), (200, 10, 10), 3)


def test_a_resumed_run_replaces_the_events_after_its_checkpoint(tmp_path):
    pytest.importorskip("tensorboard")
    first = built("tensorboard", tmp_path)
    for step in range(4):
        first.log_metrics({"train/loss": 1.0}, step)
    first.finish("failed")
    again = built("tensorboard", tmp_path)
    again.rewind(2)
    for step in range(2, 5):
        again.log_metrics({"train/loss": 0.5}, step)
    again.finish("finished")
    values = [(e.step, e.value) for e in events_of(tmp_path).Scalars("train/loss")]
    assert values == [(0, 1.0), (1, 1.0), (2, 0.5), (3, 0.5), (4, 0.5)]


@pytest.mark.filterwarnings("ignore:.*special characters in metric name")
def test_mlflow(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    logger = built("mlflow", tmp_path)
    fit(logger, tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    run = client.get_run(logger.run_id)
    assert run.info.run_name == "a-run"
    assert run.info.status == "FINISHED"
    assert [(m.step, m.value) for m in client.get_metric_history(logger.run_id, "val/ndcg10")] == [(1, 0.25), (3, 0.5)]


@pytest.mark.filterwarnings("ignore:.*special characters in metric name")
@pytest.mark.parametrize(("fails", "status"), [(False, "FINISHED"), (True, "FAILED")])
def test_mlflow_gets_test_metrics_pictures_and_status(fails, status, tmp_path, monkeypatch, results):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    logger = built("mlflow", tmp_path)
    with suppress(ZeroDivisionError), finishing([logger]):
        fit(logger, tmp_path)
        log_results([logger], results)
        _ = 1 / (not fails)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    run = client.get_run(logger.run_id)
    assert run.info.status == status
    assert run.data.metrics["test/ndcg10"] == 0.4
    assert {one.path for one in client.list_artifacts(logger.run_id, "pictures")} == {
        "pictures/gallery.png",
        "pictures/map.png",
    }
