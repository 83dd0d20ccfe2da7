"""What a training must not do in silence."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import Timer

from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters


@pytest.fixture(scope="module")
def posters(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("posters"), 160)


@pytest.fixture
def arguments(posters):
    tiny = ["model.backbone=test_resnet", "model.weights=none", "callbacks.report=false", "seed=3"]
    return [*SMALL, *tiny, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]


def test_random_features_and_batches_beyond_the_split_are_said_before_training(arguments, train_here):
    code, _, err = train_here(*arguments, "sampler.batch_size=4096", "training.head_epochs=1")
    assert code == 0
    (random,) = [line for line in err.splitlines() if "model.weights=none" in line]
    assert "WARNING" in random
    assert "training.finetune_epochs=0" in random
    assert "model.weights=pretrained" in random
    (batch,) = [line for line in err.splitlines() if "sampler.batch_size=4096" in line]
    train = re.search(r"the train split has (\d+) posters", batch)
    assert "WARNING" in batch
    assert 105 <= int(train[1]) <= 119
    assert f"a batch of {train[1]}; set sampler.batch_size={-(-int(train[1]) // 2)} or less" in batch


@pytest.mark.parametrize("name", ["random", "class_balanced", "pk"])
def test_every_sampler_says_it(name, arguments, train_here):
    code, _, err = train_here(*arguments, f"sampler={name}", "sampler.batch_size=120", "training.head_epochs=1")
    assert code == 0
    assert "sampler.batch_size=120: the train split has" in err


def test_nothing_is_said_where_all_is_as_asked(arguments, train_here):
    code, _, err = train_here(*arguments, "training.head_epochs=1", "training.finetune_epochs=1")
    assert code == 0
    assert "WARNING" not in err


def test_a_time_limit_is_said_and_the_run_continues_to_the_same_end(arguments, train_here, monkeypatch):
    epochs = [*arguments, "training.head_epochs=4", "trainer.check_val_every_n_epoch=2", "optimizer.lr=0.003"]
    code, _, undisturbed = train_here(*epochs, "hydra.run.dir=whole")
    assert code == 0
    assert "stopped" not in undisturbed
    looks = []

    def elapsed(self, stage="train"):
        looks.append(stage)
        return float(len(looks))

    # Looked at once before training and once a step; an epoch has four.
    monkeypatch.setattr(Timer, "time_elapsed", elapsed)
    code, _, err = train_here(*epochs, "hydra.run.dir=cut", "trainer.max_time=00:00:00:10")
    assert code == 0
    monkeypatch.undo()
    (said,) = [line for line in err.splitlines() if "trainer.max_time" in line]
    assert "WARNING" in said
    assert "at epoch 3 of 4, step 9 of 16" in said
    assert re.search(r"the best so far \(val/ndcg@10 0\.\d{4}\) is evaluated", said)
    folder = train_here.folder / "cut"
    assert f"python train.py resume={folder} trainer.max_time=null continues from there" in said
    assert json.loads((folder / "metrics.json").read_text())["test/ndcg@10"] > 0
    code, _, err = train_here(f"resume={folder}", "trainer.max_time=null")
    assert code == 0, err
    assert "WARNING" not in re.sub(r".*model\.weights=none.*", "", err)
    logs = [pd.read_csv(train_here.folder / name / "metrics.csv") for name in ("whole", "cut")]
    # The loss of what was trained of the third epoch before the limit stays in the log.
    assert list(logs[0]["step"]) == [step for step in logs[1]["step"] if step != 8]
    np.testing.assert_array_equal(logs[0]["val/ndcg@10"].dropna(), logs[1]["val/ndcg@10"].dropna())
    ends = [json.loads((train_here.folder / name / "metrics.json").read_text()) for name in ("whole", "cut")]
    assert ends[0] == ends[1]
    states = [
        torch.load(train_here.folder / name / "checkpoints" / "last.ckpt", weights_only=False)
        for name in ("whole", "cut")
    ]
    assert states[0]["global_step"] == states[1]["global_step"] == 16
    for key, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][key]), key


def test_a_time_limit_before_the_first_validation_is_said(arguments, train_here):
    code, _, err = train_here(
        *arguments, "training.head_epochs=4000", "trainer.check_val_every_n_epoch=4000", "trainer.max_time=00:00:00:01"
    )
    assert code == 0
    assert "nothing was validated, so its last weights are evaluated" in err


def test_early_stopping_is_said(arguments, train_here):
    code, _, err = train_here(
        *arguments, "training.head_epochs=400", "callbacks.early_stopping.patience=1", "optimizer.lr=0.03"
    )
    assert code == 0
    (said,) = [line for line in err.splitlines() if "training stopped by" in line]
    assert "callbacks.early_stopping.patience" in said
    assert "of 400, step" in said


def test_validation_values_are_logged_only_where_they_were_computed(arguments, train_here):
    more = ["training.head_epochs=5", "trainer.check_val_every_n_epoch=2", "callbacks.progress=true"]
    code, _, err = train_here(*arguments, *more, "hydra.run.dir=logged", "logger=tensorboard")
    assert code == 0
    lines = [line for line in err.splitlines() if line.startswith("epoch ")]
    assert ["val/ndcg@10" in line for line in lines] == [False, True, False, True, False]
    assert all("train/loss" in line for line in lines)
    log = pd.read_csv(train_here.folder / "logged" / "metrics.csv").dropna(subset=["val/ndcg@10"])
    assert list(log["epoch"]) == [1, 3]


def test_ctrl_c_that_lightning_turns_into_an_end_is_an_interrupt(arguments, train_here, monkeypatch):
    def fit(*given, **named):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SystemExit(1)  # noqa: B904 (as Lightning does)

    monkeypatch.setattr("lightning.Trainer.fit", fit)
    code, out, err = train_here(*arguments)
    assert (code, out) == (130, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("place", ["keyart.launch.run_job.train_in_processes", "hydra.core.utils._save_config"])
def test_a_full_disk_in_a_sweep_is_one_line(place, arguments, train_here, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(place, full)
    code, _, err = train_here("-m", *arguments, "seed=1")
    assert code in (1, 2)
    assert "/data/x: no space is left there; make room" in err
    assert "Traceback" not in err
