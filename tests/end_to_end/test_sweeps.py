"""Sweeps from the command line: jobs that fail, die, are resumed, run side by side, are searched and logged."""

import csv
import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import yaml

from keyart.runs.sweep.state import Plan
from tests.end_to_end.conftest import SMALL, start_train
from tests.helpers import draw_posters

LITE0, LITE1 = "tf_efficientnet_lite0.in1k", "tf_efficientnet_lite1.in1k"


@pytest.fixture(scope="module")
def posters(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("posters"), 120)


@pytest.fixture
def line(posters):
    data = [f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]
    return ["-m", *SMALL, *data, "training.head_epochs=1", "callbacks.report=false"]


def only(folder):
    (found,) = (folder / "multirun").iterdir()
    return found


def rows_of(sweep):
    with (sweep / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def metrics_of(sweep):
    return {file.parent.name: json.loads(file.read_text()) for file in sweep.glob("*/metrics.json")}


def test_a_failing_job_is_reported_and_resumed_alone(line, train_here):
    arguments = [*line, f"model.backbone={LITE0},nosuch_net", "loss.margin=36,45"]
    code, out, err = train_here(*arguments)
    assert code == 1
    sweep = only(train_here.folder)
    assert out.splitlines()[-1] == str(sweep)
    assert [row["status"] for row in rows_of(sweep)] == ["finished", "finished", "failed", "failed"]
    assert "nosuch_net" in rows_of(sweep)[2]["error"]
    assert "Traceback" not in err
    assert {f"sweep.{end}" for end in ("csv", "html", "png", "yaml")} <= {file.name for file in sweep.iterdir()}

    before = {path: path.stat().st_mtime_ns for path in sweep.glob("[01]/metrics.json")}
    code, out, err = train_here(*arguments, f"resume_sweep={sweep}")
    assert code == 1
    assert out.splitlines()[-1] == str(sweep)
    assert before == {path: path.stat().st_mtime_ns for path in sweep.glob("[01]/metrics.json")}
    assert "0: has finished already" in err
    assert "job 3 failed" in err


def test_a_job_cut_short_continues_where_it_was(line, train_here):
    arguments = [*line, "loss.margin=36,45", "training.head_epochs=4"]
    assert train_here(*arguments)[0] == 0
    sweep = only(train_here.folder)
    whole = metrics_of(sweep)
    log = (sweep / "1" / "metrics.csv").read_text()
    (sweep / "1" / "metrics.json").unlink()
    code, _, err = train_here(f"resume_sweep={sweep}")
    assert code == 0, err
    assert metrics_of(sweep) == whole
    assert (sweep / "1" / "metrics.csv").read_text() == log
    code, _, _ = train_here(*arguments)
    assert code == 0
    assert len(list((train_here.folder / "multirun").iterdir())) == 2


def test_a_job_does_not_continue_as_another_where_the_configuration_has_changed_meanwhile(line, train_here):
    assert train_here(*line, "loss.margin=36,45", "hydra.sweep.dir=s")[0] == 0
    job = train_here.folder / "s" / "1"
    (job / "metrics.json").unlink()
    recorded = yaml.safe_load((job / "config.yaml").read_text())
    recorded["optimizer"]["lr"] = 0.5
    (job / "config.yaml").write_text(yaml.safe_dump(recorded))
    code, _, err = train_here("resume_sweep=s")
    assert code == 1
    assert "job 1 failed" in err
    assert "optimizer.lr was 0.5 and is" in err
    assert not (job / "metrics.json").exists()


def test_the_same_line_gives_the_same_metrics_in_any_order_and_alone(line, train_here):
    margins = ["loss.margin=36,50", "training.head_epochs=2"]
    assert train_here(*line, *margins, "hydra.sweep.dir=one")[0] == 0
    assert train_here(*line, "loss.margin=50,36", "training.head_epochs=2", "hydra.sweep.dir=two")[0] == 0
    assert train_here(*line[1:], "loss.margin=50", "training.head_epochs=2", "hydra.run.dir=alone")[0] == 0
    one, two = metrics_of(train_here.folder / "one"), metrics_of(train_here.folder / "two")
    assert one["0"] == two["1"]
    assert one["1"] == two["0"] == json.loads((train_here.folder / "alone" / "metrics.json").read_text())
    assert one["0"] != one["1"]


def test_environment_reports_what_is_needed_elsewhere(line, train_here):
    assert train_here(*line, "seed=0", "hydra.sweep.dir=s")[0] == 0
    record = json.loads((train_here.folder / "s" / "0" / "environment.json").read_text())
    assert {"python", "packages", "git", "device", "cpu_capability", "threads", "dataset"} <= record.keys()
    assert record["packages"]["torch"]
    assert {"fingerprint", "pixels", "catalogue", "images"} <= record["dataset"].keys()


def test_a_bad_table_is_reported_before_any_job(line, posters, train_here):
    table = posters / "no_genres.csv"
    table.write_text("img,title\np0000.jpg,x\n")
    code, out, err = train_here(*line, f"data.catalogue={table}", "loss.margin=36,45")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "genres" in err
    assert not (train_here.folder / "multirun").exists()


@pytest.mark.slow
def test_side_by_side_gives_what_one_after_another_gives(line, train_here):
    grid = [*line, f"model.backbone={LITE0},{LITE1}", "loss.margin=36,45", "sampler.batch_size=16"]
    for launcher in ("basic", "local"):
        code, out, err = train_here(*grid, f"hydra/launcher={launcher}", f"hydra.sweep.dir={launcher}")
        assert code == 0, err
        assert out.splitlines()[-1] == str(train_here.folder / launcher)
    one, other = (metrics_of(train_here.folder / launcher) for launcher in ("basic", "local"))
    assert one.keys() == other.keys()
    for number, metrics in one.items():
        # Threads differ, and with them the order of sums.
        np.testing.assert_allclose(metrics["val/ndcg@10"], other[number]["val/ndcg@10"], atol=0.02)


def stat_of(pid):
    """State and parent of a process; None where it is gone."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else (state, int(parent))


def children(pid):
    processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [one for one in processes if (stat_of(one) or ("", 0))[1] == pid]


def gone(pid, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until and stat_of(pid) is not None:
        time.sleep(0.1)
    return stat_of(pid) is None


def is_worker(pid):
    with suppress(OSError):
        return b"keyart.launch.sweep.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def workers_of(process, sweep, job="0"):
    """The processes of a sweep whose first job trains."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if (sweep / job / "config.yaml").is_file() and (found := list(filter(is_worker, children(process.pid)))):
            return found
        time.sleep(0.1)
    raise AssertionError(process.communicate())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
def test_a_dead_job_costs_itself_alone_and_nothing_outlives_the_sweep(line, tmp_path):
    grid = [*line, "loss.margin=36,45", "hydra/launcher=local", "hydra.launcher.jobs=1", "hydra.sweep.dir=s"]
    process = start_train(tmp_path, *grid, "training.head_epochs=400")
    (worker,) = workers_of(process, tmp_path / "s")
    os.kill(worker, signal.SIGKILL)
    (other,) = workers_of(process, tmp_path / "s", "1")
    assert other != worker
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)
    assert process.returncode != 0
    assert gone(other)
    rows = rows_of(tmp_path / "s")
    assert [row["status"] for row in rows] == ["failed", "unfinished"]
    assert "SIGKILL" in rows[0]["error"]
    assert "resume_sweep=" in err

    process = start_train(tmp_path, f"resume_sweep={tmp_path / 's'}")
    (worker,) = workers_of(process, tmp_path / "s")
    process.kill()
    process.wait()
    assert gone(worker)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_a_sweep_that_is_asked_to_stop_saves_its_jobs_and_reports(launcher, number, line, tmp_path):
    grid = [*line, "loss.margin=36,45", f"hydra/launcher={launcher}", "hydra.sweep.dir=s"]
    process = start_train(tmp_path, *grid, "training.head_epochs=4000", "callbacks.checkpoint.every_n_steps=1")
    last = tmp_path / "s" / "0" / "checkpoints" / "last.ckpt"
    until = time.monotonic() + 120
    while time.monotonic() < until and not last.is_file():
        time.sleep(0.1)
    left = children(process.pid)
    process.send_signal(number)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 128 + number, err
    assert out.splitlines() == [str(tmp_path / "s")]
    assert f"jobs did not finish; run them again with python train.py -m resume_sweep={tmp_path / 's'}" in err
    assert "Traceback" not in err
    assert rows_of(tmp_path / "s")[0]["status"] == "unfinished"
    assert all(gone(pid) for pid in left)


@pytest.mark.slow
@pytest.mark.parametrize("again", ["resume_sweep", "hydra.sweep.dir"])
def test_two_at_once_train_no_job_twice(again, line, tmp_path):
    grid = [*line, "loss.margin=36,45", "training.head_epochs=4000", "hydra.sweep.dir=s"]
    if again == "resume_sweep":
        Plan(tuple(grid[1:-1]), (), ("loss.margin",), None).write(tmp_path / "s")
        grid = [f"resume_sweep={tmp_path / 's'}"]
    processes = [start_train(tmp_path, *grid) for _ in range(2)]
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and all(process.poll() is None for process in processes):
            time.sleep(0.1)
        (ended,) = [process for process in processes if process.poll() is not None]
        (other,) = [process for process in processes if process is not ended]
        out, err = ended.communicate()
        assert (ended.returncode, out) == (2, "")
        assert len(err.splitlines()) == 1
        assert f"process {other.pid} on {socket.gethostname()} runs this sweep" in err
        assert other.poll() is None
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_failing_job_does_not_stop_a_sweep_within_a_job_of_slurm(line, train_here, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    code, _, err = train_here(*line, "model.backbone=nosuch_net", "hydra.sweep.dir=s")
    assert code == 1
    assert "Traceback" not in err
    assert "train.py: job 0 failed: model.backbone=nosuch_net" in err


def study_of(sweep):
    optuna = pytest.importorskip("optuna")
    from keyart.runs.sweep.study import open_storage

    return optuna.load_study(study_name="sweep", storage=open_storage(str(sweep / "study.log")))


@pytest.mark.slow
def test_a_search_continues_where_it_was(line, train_here):
    pytest.importorskip("optuna")
    space = ["hydra/sweeper=optuna_base", "loss.margin=interval(30,60)", "model.embedding_size=choice(8,16)"]
    code, out, err = train_here(*line, *space, "hydra.sweeper.n_trials=2", "hydra.sweep.dir=s")
    assert code == 0, err
    sweep = train_here.folder / "s"
    assert out.splitlines()[-1] == str(sweep)
    first = rows_of(sweep)
    assert [row["job"] for row in first] == ["0", "1"]
    # As if it had been killed after the second job's training, while it wrote the result into the study.
    log = sweep / "study.log"
    log.write_bytes(log.read_bytes()[:-20])
    assert [trial.state.name for trial in study_of(sweep).trials] == ["COMPLETE", "RUNNING"]

    code, _, err = train_here(f"resume_sweep={sweep}", "hydra.sweeper.n_trials=4")
    assert code == 0, err
    rows = rows_of(sweep)
    assert rows[:2] == first
    assert [row["status"] for row in rows] == ["finished"] * 4
    study = study_of(sweep)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    for trial, row in zip(study.trials, rows, strict=True):
        assert trial.params["loss.margin"] == pytest.approx(float(row["loss.margin"]))
        assert trial.value == pytest.approx(float(row["val/ndcg@10"]), abs=1e-6)
    assert len({row["loss.margin"] for row in rows}) == 4


@pytest.mark.slow
def test_a_search_survives_failing_trials_and_counts_them(line, train_here):
    pytest.importorskip("optuna")
    space = ["hydra/sweeper=optuna_base", f"model.backbone=choice({LITE0},nosuch_net)", "hydra.sweep.dir=s"]
    code, _, _ = train_here(*line, *space, "hydra.sweeper.n_trials=3")
    rows = rows_of(train_here.folder / "s")
    assert {row["model.backbone"] for row in rows} == {LITE0, "nosuch_net"}
    assert all((row["status"] == "finished") == (row["model.backbone"] == LITE0) for row in rows)
    assert len(rows) == 3
    assert code == 1


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "basic"])
def test_a_search_runs_as_many_trials_as_were_asked_for(launcher, line, train_here):
    """Three that fail were followed by three more in their place, two at a time."""
    pytest.importorskip("optuna")
    space = ["hydra/sweeper=optuna_base", "model.backbone=choice(nosuch_net,nosuch_too)", f"hydra/launcher={launcher}"]
    code, _, err = train_here(*line, *space, "hydra.sweeper.n_trials=3", "hydra.sweep.dir=s")
    assert code == 1
    assert "Traceback" not in err
    sweep = train_here.folder / "s"
    assert [row["status"] for row in rows_of(sweep)] == ["failed"] * 3
    assert err.splitlines()[-1].endswith(f"resume_sweep={sweep} hydra.sweeper.n_trials=6")
    assert train_here(f"resume_sweep={sweep}")[0] == 1
    assert len(rows_of(sweep)) == 3
    assert train_here(f"resume_sweep={sweep}", "hydra.sweeper.n_trials=4")[0] == 1
    assert [row["job"] for row in rows_of(sweep)] == ["0", "1", "2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hydra/launcher=basic", "hydra/launcher=local", "trainer.devices=2"])
def test_a_hopeless_trial_is_stopped_at_a_validation(how, line, train_here):
    pytest.importorskip("optuna")
    space = [
        "hydra/sweeper=optuna_base",
        "loss.margin=interval(30,60)",
        "hydra.sweep.dir=s",
        "hydra.sweeper.n_trials=2",
    ]
    pruner = ["hydra/sweeper/pruner=none", "hydra.sweeper.pruner._target_=optuna.pruners.ThresholdPruner"]
    pruner += ["+hydra.sweeper.pruner.upper=0.0", "+hydra.sweeper.pruner.n_warmup_steps=2"]
    code, _, err = train_here(*line, *space, *pruner, how, "training.head_epochs=4")
    sweep = train_here.folder / "s"
    assert code == 0, err
    assert "Traceback" not in err
    assert [row["status"] for row in rows_of(sweep)] == ["pruned", "pruned"]
    trials = study_of(sweep).trials
    assert [(trial.state.name, trial.last_step) for trial in trials] == [("PRUNED", 2)] * 2
    for trial in trials:
        job = sweep / str(trial.number)
        assert json.loads((job / "pruned.json").read_text()) == {"epoch": 2, "value": trial.value}
        assert not (job / "metrics.json").exists()
        assert (job / "checkpoints" / "best.ckpt").is_file()
        with (job / "metrics.csv").open(newline="") as file:
            assert max(float(row["epoch"]) for row in csv.DictReader(file)) == 1
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("[01]/*")}
    code, _, err = train_here(f"resume_sweep={sweep}", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.n_trials=3")
    assert code == 0, err
    assert before == {path: path.stat().st_mtime_ns for path in sweep.glob("[01]/*")}
    assert [row["status"] for row in rows_of(sweep)] == ["pruned", "pruned", "finished"]


@pytest.mark.slow
def test_a_sweep_in_wandb_is_one_group_and_one_line(line, train_here, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    code, _, err = train_here(*line, "loss.margin=36,45", "logger=wandb", "hydra.sweep.dir=s")
    assert code == 0, err
    sweep = train_here.folder / "s"
    (summary,) = [text for text in err.splitlines() if text.startswith("wandb sync")]
    sessions = [*sweep.glob("*/wandb/offline-run-*"), *sweep.glob("wandb/offline-run-*")]
    assert len(sessions) == 3
    assert sorted(summary.split()[2:]) == sorted(map(str, sessions))
    groups = {yaml.safe_load((sweep / job / "config.yaml").read_text())["logger"]["wandb"]["group"] for job in "01"}
    assert groups == {"s"}
    tables = list(sweep.glob("wandb/offline-run-*/files/media/table/sweep/jobs_*.json"))
    assert len(json.loads(tables[0].read_text())["data"]) == 2


def test_a_sweep_over_classes_of_pytorch_metric_learning(line, train_here):
    pytest.importorskip("pytorch_metric_learning")
    classes = ["CircleLoss", "NTXentLoss", "TripletMarginLoss"]
    code, _, err = train_here(*line, "loss=pml", f"loss.class={','.join(classes)}")
    assert code == 0, err
    sweep = only(train_here.folder)
    rows = rows_of(sweep)
    assert [row["status"] for row in rows] == ["finished"] * 3
    assert [row["loss.class"] for row in rows] == classes
    found = metrics_of(sweep)
    assert len({metrics["val/ndcg@10"] for metrics in found.values()}) == 3
