"""Which jobs requeue themselves, by the fields that SLURM 22.05 reports at the time of the signal."""

import signal

import pytest

from keyart.launch.slurm.job import cores_of_task, job_id
from keyart.launch.slurm.requeue import parse_job, requeue, requeue_refusal
from keyart.training.early_ends import TrainingInterrupted

RUNNING = "JobId=5 JobState=RUNNING Reason=None Requeue=1 Restarts=0"
PREEMPTED = f"{RUNNING} PreemptEligibleTime=2026-11-25T09:26:02 PreemptTime=2026-11-25T09:26:04"
LIMIT = "JobId=5 JobState=COMPLETING Reason=TimeLimit Requeue=1 Restarts=0"
CANCELLED = "JobId=5 JobState=COMPLETING Reason=None Requeue=1 Restarts=0"


@pytest.mark.parametrize(
    ("number", "steps", "job", "reason"),
    [
        (signal.SIGUSR1, 9, RUNNING, None),
        (signal.SIGUSR2, 9, RUNNING, None),
        (signal.SIGUSR1, 0, RUNNING, "raise hydra.launcher.timeout_min"),
        (signal.SIGTERM, 9, PREEMPTED, None),
        (signal.SIGTERM, 0, PREEMPTED, None),
        (signal.SIGUSR2, 0, PREEMPTED, None),
        (signal.SIGTERM, 9, LIMIT, None),
        (signal.SIGTERM, 0, LIMIT, "raise hydra.launcher.timeout_min"),
        (signal.SIGTERM, 9, RUNNING, "SIGTERM was not sent by"),
        (signal.SIGTERM, 9, CANCELLED, "SLURM reports its state as COMPLETING"),
    ],
)
def test_only_what_was_preempted_or_reached_its_limit_with_something_done(number, steps, job, reason):
    found = requeue_refusal(TrainingInterrupted(number, steps), parse_job(job))
    assert found is None if reason is None else reason in found


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Fake `scontrol` that reports one job and records its arguments."""
    script = tmp_path / "scontrol"
    script.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncase $1 in requeue) ;; *) echo "{RUNNING}" ;; esac\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "asked"


def test_a_task_of_an_array_requeues_itself_alone(scontrol, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    requeue(TrainingInterrupted(signal.SIGUSR1, 4))
    assert scontrol.read_text().splitlines()[-1] == "requeue 12_3"


def test_what_does_not_queue_again_is_reported(scontrol, monkeypatch, caplog):
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    requeue(TrainingInterrupted(signal.SIGTERM, 4))
    assert "job 12 is not requeued" in caplog.text
    assert "requeue" not in scontrol.read_text()


def test_ids_and_cores_are_those_that_slurm_gave(monkeypatch):
    for name in ("JOB_ID", "ARRAY_JOB_ID", "ARRAY_TASK_ID", "CPUS_PER_TASK", "CPUS_ON_NODE", "NTASKS_PER_NODE"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)
    assert job_id() is None
    assert cores_of_task() is None
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "8")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    assert (job_id(), cores_of_task()) == ("12", 4)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "3")
    assert cores_of_task() == 3
