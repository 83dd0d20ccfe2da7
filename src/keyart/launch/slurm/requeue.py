"""Requeueing of this process's SLURM job after an interruption."""

import logging
import re
import subprocess

from keyart.launch.slurm.job import job_id
from keyart.training.early_ends import TrainingInterrupted

log = logging.getLogger(__name__)
_SECONDS = 60


def parse_job(line: str) -> dict[str, str]:
    """Parse the fields of a line of ``scontrol --oneliner show job``.

    >>> parse_job("JobId=5 JobState=RUNNING Reason=None PreemptTime=2026-11-25T09:26:04")["PreemptTime"]
    '2026-11-25T09:26:04'
    """
    return dict(re.findall(r"(?:^|\s)(\w[\w:/]*)=(\S*)", line))


def requeue_refusal(cut: TrainingInterrupted, job: dict[str, str]) -> str | None:
    """Return why an interrupted job must not requeue itself; None if it must.

    Args:
        cut: The interruption: the signal, and the number of trained steps.
        job: The job's fields in ``scontrol show job`` at that time.
    """
    running, reason = job.get("JobState") == "RUNNING", job.get("Reason", "None")
    preempted = job.get("PreemptTime", "None") not in ("None", "N/A")
    limit = reason == "TimeLimit" or (running and cut.signal.name in ("SIGUSR1", "SIGUSR2") and not preempted)
    if limit and cut.steps == 0:
        return "the time limit came before the first step of training; raise hydra.launcher.timeout_min"
    if limit or (running and preempted):
        return None
    if running:
        return f"{cut.signal.name} was not sent by preemption or by the time limit"
    # The job no longer runs: it is cancelled, or SLURM itself has requeued it.
    return f"SLURM reports its state as {job.get('JobState')}"


def requeue(cut: TrainingInterrupted) -> None:
    """Requeue this process's job if it was preempted or has reached its time limit, and log the decision."""
    name = job_id()
    assert name is not None
    found, out = _scontrol("--oneliner", "show", "job", name)
    if found:
        log.warning("job %s is not requeued: scontrol says: %s", name, found)
        return
    if reason := requeue_refusal(cut, parse_job(out)):
        log.warning("job %s is not requeued from here: %s", name, reason)
        return
    if found := _scontrol("requeue", name)[0]:
        log.warning("job %s is not requeued: scontrol says: %s", name, found)
    else:
        log.info("job %s is requeued and will continue from there", name)


def _scontrol(*arguments: str) -> tuple[str, str]:
    """Return the error of scontrol (empty if it succeeded) and its output."""
    try:
        done = subprocess.run(
            ["scontrol", *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error), ""
    return (" ".join(done.stderr.split()) or f"exit code {done.returncode}") if done.returncode else "", done.stdout
