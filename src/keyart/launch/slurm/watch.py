"""Waiting for jobs of SLURM: by the results that they leave, and by the queue where they leave none."""

import logging
import pickle
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)
#: States in which a job may still come to a result.
ALIVE = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING"}
ALIVE |= {"RESV_DEL_HOLD", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED"}
#: Reasons to wait that do not pass by themselves.
_NEVER = {"AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS"}
_NEVER |= {"JobHeldAdmin", "JobHeldUser", "PartitionDown", "PartitionInactive", "PartitionNodeLimit"}
_NEVER |= {"PartitionTimeLimit", "QOSNotAllowed"}
#: How long a result may be on its way on a network's file system, after its job has ended.
_LATE_SECONDS = 10.0
_POLL_SECONDS = 1.0
_QUEUE_SECONDS = (2.0, 15.0)


class SlurmJobFailed(RuntimeError):
    """A job failed or died; the message is one line."""


class Paths(Protocol):
    """Where a task of a job keeps what (`submitit.core.utils.JobPaths`)."""

    @property
    def result_pickle(self) -> Path:
        """Its result, where it came to one."""

    @property
    def stderr(self) -> Path:
        """Its log."""


class Job(Protocol):
    """A submitted job (`submitit.Job`)."""

    job_id: str
    num_tasks: int
    paths: Paths

    def task(self, task_id: int) -> "Job":
        """One of its tasks."""


def queue_states(name: str) -> dict[str, str]:
    """States of a job, or of every task of an array, as SLURM's queue has them, each with its reason if it has one.

    Args:
        name: The job's or array's id.

    Returns:
        By job id (``12_0`` in an array); empty where SLURM no longer knows it.

    Raises:
        OSError: SLURM does not answer.
    """
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%r", f"--jobs={name}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(str(error)) from error
    if done.returncode and "Invalid job id" not in done.stderr:
        raise OSError(" ".join(done.stderr.split()) or f"squeue ended with exit code {done.returncode}")
    states = {}
    for line in done.stdout.splitlines():
        job, state, reason = line.split("|", 2)
        states[job] = state if reason in ("None", "") else f"{state} ({reason})"
    return states


def outcome_of(job: Job) -> Any | None:
    """What a job came to: the first task's result, or the failure of one of its tasks; None where neither is there."""
    tasks = [job.task(number) for number in range(job.num_tasks)]
    results = [_read(task.paths.result_pickle) for task in tasks]
    for task, result in zip(tasks, results, strict=True):
        if result is not None and result[0] == "error":
            lines = str(result[1]).strip().splitlines()
            reason = lines[-1].removeprefix("keyart.errors.InputError: ") if lines else "it failed"
            return SlurmJobFailed(f"failed: {reason} (log: {task.paths.stderr})")
    done = results[0]
    return None if any(result is None for result in results) or done is None else done[1]


def _read(path: Path) -> tuple[str, Any] | None:
    try:
        loaded: tuple[str, Any] = pickle.loads(path.read_bytes())
    except (FileNotFoundError, EOFError):
        return None
    return loaded


def wait_for_jobs(
    jobs: Sequence[Job],
    *,
    states_of: Callable[[str], Mapping[str, str]] = queue_states,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Any]:
    """Wait until every job has ended.

    Args:
        jobs: Of one submission: an array's, or a single one.
        states_of: See `queue_states`.
        clock: Seconds.
        sleep: Waits for so many.

    Returns:
        In their order, what each one's first task returned, or a `SlurmJobFailed`.
    """
    name = jobs[0].job_id.partition("_")[0]
    ended: dict[int, Any] = {}
    gone_since: dict[int, float] = {}
    next_look, pause, found = 0.0, _QUEUE_SECONDS[0], ""
    try:
        while True:
            for number, job in enumerate(jobs):
                if number not in ended and (outcome := outcome_of(job)) is not None:
                    ended[number] = outcome
            if len(ended) == len(jobs):
                return [ended[number] for number in range(len(jobs))]
            if clock() >= next_look:
                next_look, pause = clock() + pause, min(pause * 1.5, _QUEUE_SECONDS[1])
                try:
                    states = states_of(name)
                except OSError as error:
                    log.warning("SLURM does not answer, asking again in %.0f s: %s", pause, error)
                    continue
                for number, job in enumerate(jobs):
                    state = states.get(job.job_id, "no longer known")
                    if number in ended or state.split()[0] in ALIVE:
                        gone_since.pop(number, None)
                        continue
                    # Its result was not there before it was seen to be gone: it may be on its way.
                    if clock() - gone_since.setdefault(number, clock()) >= _LATE_SECONDS:
                        ended[number] = SlurmJobFailed(
                            f"died without a result: SLURM has job {job.job_id} as {state} (log: {job.paths.stderr})"
                        )
                    next_look, pause = clock() + _QUEUE_SECONDS[0], _QUEUE_SECONDS[0]
                found = _tell(states, len(ended), len(jobs), found)
            sleep(_POLL_SECONDS)
    except (KeyboardInterrupt, SystemExit):
        log.warning("no longer waiting; what SLURM has of job %s continues to run: scancel %s ends it", name, name)
        raise


def _tell(states: Mapping[str, str], ended: int, jobs: int, before: str) -> str:
    """Log how many jobs wait, run and have ended, where that has changed."""
    counts = Counter(state.split()[0] for state in states.values())
    reasons = sorted({state.partition(" ")[2] for state in states.values() if state.startswith("PENDING (")})
    waiting = " ".join([f"{counts['PENDING']} waiting", *reasons])
    text = f"{ended} of {jobs} jobs ended, {counts['RUNNING']} running, {waiting}"
    if text != before:
        log.info(text)
    for reason in _NEVER.intersection(reason.strip("()") for reason in reasons):
        if reason not in before:
            log.warning("SLURM says %s: such a job waits until that is changed; scancel ends it", reason)
    return text
