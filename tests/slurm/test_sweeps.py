"""Sweeps on a real SLURM: interrupted jobs continue, and jobs that die are reported."""

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest

from tests.distributed.conftest import processes_with, wait_for
from tests.distributed.test_processes import TOLERANCE
from tests.slurm.conftest import LONG

pytestmark = pytest.mark.slow


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(cluster, small, tmp_path_factory):
    """Metrics and log of a reference run, trained on this machine without SLURM."""
    from tests.distributed.conftest import Training

    folder = tmp_path_factory.mktemp("undisturbed")
    code, _, err = Training(folder, *small, *LONG, "hydra.run.dir=run").ended()
    assert code == 0, err
    return metrics_of(folder / "run"), pd.read_csv(folder / "run" / "metrics.csv")


def check_as_undisturbed(run, undisturbed, **tolerance):
    metrics, log = undisturbed
    assert metrics_of(run) == (pytest.approx(metrics, **tolerance) if tolerance else metrics)
    assert list(pd.read_csv(run / "metrics.csv")["step"]) == list(log["step"])


def test_two_jobs_end_and_the_sweep_reports_its_folder(sweep, cluster, small):
    two = sweep(*small, "training.head_epochs=2", "loss.margin=40,45")
    first = two.job()
    code, out, err = two.waited()
    assert code == 0, err
    assert out.splitlines()[-1] == str(two.folder)
    for number in ("0", "1"):
        assert metrics_of(two.folder / number)["test/ndcg@10"] is not None
    assert "0 running" in err
    assert cluster.ended(first) == "COMPLETED"


def test_a_job_of_two_tasks_learns_what_one_process_learns(sweep, small, undisturbed):
    ddp = sweep(*small, *LONG, "trainer=ddp", "trainer.accelerator=cpu")
    code, _, err = ddp.waited()
    assert code == 0, err
    assert len(list((ddp.folder / ".submitit").glob("*/*_result.pkl"))) == 2
    check_as_undisturbed(ddp.folder / "0", undisturbed, abs=TOLERANCE)


def test_reported_of_its_time_limit_a_job_queues_again_and_continues_in_its_folder_and_wandb_run(
    sweep, cluster, small, undisturbed
):
    pytest.importorskip("wandb")
    limited = sweep(*small, *LONG, "logger=wandb", "logger.mode=offline")
    job = limited.job()
    limited.trains()
    cluster.run("scancel", "--signal=USR1", job)
    run = limited.folder / "0"
    begun = wait_for(lambda: (run / "wandb" / "id").read_text())
    code, _, err = limited.waited()
    assert code == 0, err
    assert "interrupted by SIGUSR1" in err
    assert cluster.fields(job)["Restarts"] == "1"
    check_as_undisturbed(run, undisturbed)
    assert (run / "wandb" / "id").read_text() == begun
    sessions = sorted(path.name.partition("run-")[0] for path in (run / "wandb").glob("*run-*"))
    assert sessions == ["offline-", "superseded-offline-"]


@pytest.mark.parametrize("partition", ["low", "polite"])
def test_a_preempted_job_continues_when_its_place_is_free_again(sweep, cluster, small, undisturbed, partition):
    low = sweep(*small, *LONG, f"hydra.launcher.partition={partition}")
    job = low.job()
    low.trains()
    cluster.run("sbatch", "--partition=high", "--cpus-per-task=2", "--output=/dev/null", "--wrap=sleep 1")
    wait_for(lambda: cluster.fields(job)["Restarts"] == "1")
    assert not (low.folder / "0" / "metrics.json").exists()
    code, _, err = low.waited()
    assert code == 0, err
    assert "interrupted by SIGTERM" in err
    check_as_undisturbed(low.folder / "0", undisturbed)


def test_a_job_that_dies_is_reported_and_the_others_end(sweep, cluster, small):
    two = sweep(*small, "training.head_epochs=100000,2")
    job = two.job()
    two.trains()

    def of_the_job():
        task = b"SLURM_ARRAY_TASK_ID=0"
        for pid, line in processes_with(two.mark).items():
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if "submitit.core._submit" in line and "srun" not in line and task in environment:
                return pid
        return None

    os.kill(wait_for(of_the_job), signal.SIGKILL)
    code, _, err = two.waited()
    assert code == 1
    assert f"train.py: job 0 failed: died without a result: SLURM reports job {job} as FAILED" in err
    table = pd.read_csv(two.folder / "sweep.csv")
    assert list(table["status"]) == ["failed", "finished"]
    assert not (two.folder / "0" / "metrics.json").exists()
    assert (two.folder / "1" / "metrics.json").exists()


def test_a_cancelled_job_stays_cancelled_and_is_reported(sweep, cluster, small):
    cancelled = sweep(*small, "training.head_epochs=100000")
    job = cancelled.job()
    cancelled.trains()
    cluster.run("scancel", job)
    code, _, err = cancelled.waited()
    assert code == 1
    assert "CANCELLED" in err
    assert cluster.ended(job) == "CANCELLED"


def test_a_job_that_fails_has_failed_to_slurm_and_to_the_sweep(sweep, cluster, small):
    failing = sweep(*small, "model.backbone=nosuch_net", "training.head_epochs=2")
    job = failing.job()
    code, _, err = failing.waited()
    assert code == 1
    assert [line for line in err.splitlines() if line.startswith("train.py: job 0 failed: ") and "nosuch_net" in line]
    assert cluster.ended(job) == "FAILED"


def test_what_slurm_refuses_is_reported_in_its_own_words_before_anything_is_there(sweep, small):
    refused = sweep(*small, "hydra.launcher.partition=nosuch")
    code, out, err = refused.ended()
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "Invalid partition name specified" in err
    assert not refused.folder.exists()
