"""TensorBoard and MLflow: what their YAML builds is written to by Lightning and can be read back."""

import lightning
import pytest
from hydra.utils import instantiate
from lightning.pytorch.demos.boring_classes import BoringModel

from keyart.config.preflight import composed


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
    return instantiate(composed([f"logger={name}", "name=a-run"])["logger"]["build"], save_dir=str(folder))


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(built("tensorboard", tmp_path), tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(i, 0.5 ** (i + 1)) for i in range(4)]
    assert [(e.step, e.value) for e in events.Scalars("val/ndcg@10")] == [(1, 0.25), (3, 0.5)]


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
