"""Several processes learn the same as one, also in a sweep, and none outlives its training."""

import json
import os
import signal

import pandas as pd
import pytest
import torch

from tests.distributed.conftest import wait_for

pytestmark = pytest.mark.slow
TOLERANCE = 1e-4  # fp32: sums over rows in another order


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def check_equal(one, other):
    """Metrics, losses and weights of two runs agree."""
    metrics, others = metrics_of(one), metrics_of(other)
    assert others.keys() == metrics.keys()
    for name, value in metrics.items():
        # A lift is a metric in units of frozen − chance: so is what it may be off.
        base = name.removesuffix("/lift")
        unit = metrics[f"{base}/frozen"] - metrics[f"{base}/chance"] if base != name and value is not None else 1.0
        assert others[name] == (value if value is None else pytest.approx(value, abs=TOLERANCE / abs(unit))), name
    logs = [pd.read_csv(folder / "metrics.csv") for folder in (one, other)]
    assert list(logs[1]["step"]) == list(logs[0]["step"])
    assert list(logs[1]["val/ndcg@10"]) == pytest.approx(list(logs[0]["val/ndcg@10"]), abs=TOLERANCE)
    states = [
        torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=False)["state_dict"]
        for folder in (one, other)
    ]
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=TOLERANCE, atol=TOLERANCE, msg=key)


def test_a_sweep_over_the_number_of_processes_learns_the_same_each_time(small, start):
    phases = ["training.head_epochs=6", "training.finetune_epochs=1", "memory.size=64", "optimizer.backbone_lr=1e-5"]
    training = start("-m", *small, *phases, "trainer.devices=1,2", "hydra.sweep.dir=sweep")
    code, out, err = training.ended()
    assert code == 0, err
    sweep = start.folder / "sweep"
    assert out.splitlines() == [str(sweep)]
    assert sorted(path.name for path in sweep.iterdir() if path.is_dir()) == ["0", "1"]
    check_equal(sweep / "0", sweep / "1")
    losses = [list(pd.read_csv(sweep / number / "metrics.csv")["train/loss"]) for number in ("0", "1")]
    assert losses[1] == pytest.approx(losses[0], rel=TOLERANCE)
    assert "test/ndcg@10" in (sweep / "1" / "train.log").read_text()
    assert not training.left()


def test_asked_to_stop_they_save_within_an_epoch_and_one_process_continues_alike(small, start):
    more = [*small, "training.head_epochs=20", "callbacks.checkpoint.every_n_steps=3", "evaluation.batch_size=256"]
    undisturbed = start(*more, "trainer.devices=1", "hydra.run.dir=undisturbed")
    assert undisturbed.ended()[0] == 0
    training = start(*more, "trainer.devices=2", "hydra.run.dir=run")
    run = start.folder / "run"
    last = run / "checkpoints" / "last.ckpt"
    wait_for(last.is_file)
    training.process.send_signal(signal.SIGTERM)
    code, out, err = training.ended()
    assert code == 128 + signal.SIGTERM, err
    assert out == ""
    assert f"resume={run}" in err
    assert not (run / "metrics.json").exists()
    assert not training.left()
    resumed = start("resume=run", "trainer.devices=1")
    code, out, err = resumed.ended()
    assert code == 0, err
    assert out.splitlines() == [str(run)]
    check_equal(start.folder / "undisturbed", run)


@pytest.fixture
def endless(small, start):
    """A running training with two processes."""

    def begin(*arguments):
        training = start(
            *small,
            "training.head_epochs=100000",
            "miner.build._target_=tests.distributed.slow.SlowMiner",
            "callbacks.checkpoint.every_n_steps=3",
            "hydra.run.dir=run",
            *arguments,
        )
        wait_for((start.folder / "run" / "checkpoints" / "last.ckpt").is_file)
        return training

    return begin


def test_a_fault_in_one_process_ends_all_and_is_reported(small, start):
    faulty = "miner.build._target_=tests.distributed.faulty.FaultyMiner"
    training = start(*small, "training.head_epochs=100000", faulty)
    code, out, err = training.ended()
    assert code == 1
    assert out == ""
    assert "process 1 of 2 failed with RuntimeError: a fault in one of them" in err
    assert not training.left()


def test_bad_input_is_reported_once_and_leaves_no_folder(small, start):
    training = start(*small, "model.backbone=nosuch_net")
    code, out, err = training.ended()
    assert (code, out) == (2, "")
    assert len([line for line in err.splitlines() if "nosuch_net" in line]) == 1
    assert not (start.folder / "outputs").exists()
    assert not training.left()


def test_asked_to_stop_before_they_listen_they_stop(small, start):
    training = start(*small, "training.head_epochs=100000", "hydra.run.dir=run")
    wait_for(lambda: len(training.workers()) == 2)
    training.process.send_signal(signal.SIGTERM)
    assert training.ended()[0] == 128 + signal.SIGTERM
    assert not training.left()


def test_ctrl_c_ends_all(endless, start):
    training = endless()
    training.process.send_signal(signal.SIGINT)
    code, _, err = training.ended()
    assert code == 128 + signal.SIGINT
    assert f"resume={start.folder / 'run'}" in err
    assert not training.left()
    assert not (start.folder / "run" / "metrics.json").exists()


def test_a_killed_process_ends_the_others_and_is_reported(endless):
    training = endless()
    os.kill(training.workers()[-1], signal.SIGKILL)
    code, _, err = training.ended()
    assert code == 1
    assert "of 2 was killed by SIGKILL" in err
    assert not training.left()


def test_none_outlives_the_one_that_started_it(endless):
    training = endless()
    assert len(training.workers()) == 2
    training.process.kill()
    training.process.wait()
    assert not training.left()
