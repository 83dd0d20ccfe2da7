"""The loss of an epoch whose run was killed between its checkpoint and its log."""

from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger

from keyart.training.loggers.completed_epoch import completed_epoch, log_completed_epoch
from keyart.training.loggers.csv_log import CSVLog


def checkpoint(*, last=True, epoch=1, of_loss=1, weight=4.0):
    return {
        "epoch": epoch,
        "global_step": 6,
        "loops": {"fit_loop": {"epoch_loop.batch_progress": {"is_last_batch": last}}},
        "keyart": {"epoch_loss": [of_loss, 5.3, weight]},
    }


def test_a_checkpoint_of_an_epochs_end_holds_its_loss():
    assert completed_epoch(checkpoint()) == {"epoch": 1.0, "train/loss": float(np.float32(5.3) / np.float32(4))}


@pytest.mark.parametrize("change", [{"last": False}, {"epoch": 2}, {"weight": 0.0}], ids=str)
def test_within_an_epoch_there_is_none_yet(change):
    assert completed_epoch(checkpoint(**change)) is None


@pytest.mark.parametrize("damage", ["loops", "keyart", "epoch"])
def test_checkpoints_that_lack_it_are_left_alone(damage):
    found = checkpoint()
    del found[damage]
    assert completed_epoch(found) is None
    assert completed_epoch({**checkpoint(), damage: None}) is None


def test_it_is_logged_once_by_every_logger(tmp_path):
    def rows_after(*known):
        log, other = CSVLog(tmp_path / str(len(known))), CSVLogger(tmp_path, version=str(len(known)))
        for step, row in known:
            log.log_metrics(row, step)
        log.path.parent.mkdir(exist_ok=True)
        log_completed_epoch([log, other], 5, {"epoch": 1.0, "train/loss": 0.5})
        return log.rows, other.experiment.metrics_file_path

    first = {"epoch": 0.0, "train/loss": 0.7}
    rows, other = rows_after((2, first))
    assert rows == [{"step": 2, **first}, {"step": 5, "epoch": 1.0, "train/loss": 0.5}]
    assert "0.5" in Path(other).read_text()
    rows, other = rows_after((2, first), (5, {"val/ndcg@10": 0.3}))
    assert rows[-1] == {"step": 5, "val/ndcg@10": 0.3, "epoch": 1.0, "train/loss": 0.5}
    rows, _ = rows_after((2, first), (4, {"a": 1.0}), (5, {"train/loss": 0.5}))
    assert len(rows) == 3


def test_metrics_csv_has_it_on_disk(tmp_path):
    log_completed_epoch([CSVLog(tmp_path)], 5, {"epoch": 1.0, "train/loss": 0.5})
    assert (tmp_path / "metrics.csv").read_text() == "step,epoch,train/loss\n5,1.0,0.5\n"
