"""The callback that reports validations to a search and stops a trial that the search prunes."""

import lightning
import pytest
import torch

from keyart.training.callbacks.pruning import Pruning
from keyart.training.early_ends import TrialPruned

EPOCHS = 5


class Small(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, index):
        return self.layer(batch).mean()

    def validation_step(self, batch, index):
        self.log("val/x", self.current_epoch / 10)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Reporter:
    def __init__(self, stop_at=99, fault=None):
        self.stop_at, self.fault, self.reported = stop_at, fault, []

    def should_stop(self, value, epoch):
        if self.fault:
            raise self.fault
        self.reported.append((round(value, 4), epoch))
        return epoch >= self.stop_at


def fit(tmp_path, reporter, monitor="val/x", **options):
    trainer = lightning.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        callbacks=[Pruning(reporter, monitor)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        default_root_dir=tmp_path,
        **options,
    )
    data = torch.utils.data.DataLoader(torch.ones(4, 1))
    trainer.fit(Small(), data, data)
    return trainer


@pytest.mark.parametrize("options", [{}, {"val_check_interval": 0.5}], ids=str)
def test_each_epoch_is_reported_once_and_the_run_stops_where_it_is_asked_to(options, tmp_path):
    reporter = Reporter(stop_at=3)
    with pytest.raises(TrialPruned) as stopped:
        fit(tmp_path, reporter, **options)
    assert reporter.reported == [(0.0, 1), (0.1, 2), (0.2, 3)]
    assert (stopped.value.epoch, stopped.value.value) == (3, pytest.approx(0.2))


def test_epochs_without_a_validation_report_nothing(tmp_path):
    reporter = Reporter()
    fit(tmp_path, reporter, check_val_every_n_epoch=2)
    assert reporter.reported == [(0.1, 2), (0.3, 4)]


def test_a_run_whose_last_epoch_is_over_ends_as_usual(tmp_path):
    trainer = fit(tmp_path, Reporter(stop_at=EPOCHS))
    assert trainer.current_epoch == EPOCHS


def test_a_study_that_cannot_be_reached_is_a_warning(tmp_path, caplog):
    trainer = fit(tmp_path, Reporter(fault=OSError("the disk is full")))
    assert trainer.current_epoch == EPOCHS
    assert "was not reported to the study: the disk is full" in caplog.text


def test_an_undefined_monitor_reports_nothing(tmp_path):
    reporter = Reporter(stop_at=1)
    fit(tmp_path, reporter, monitor="val/none")
    assert reporter.reported == []
