"""Waiting for SLURM jobs: their result files are polled, and the queue shows jobs that died without one."""

import logging
import pickle
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

log = logging.getLogger(__name__)
#: States of jobs that may still produce a result.
ALIVE = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING"}
ALIVE |= {"RESV_DEL_HOLD", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED"}
#: Reasons for waiting that do not end by themselves.
_NEVER = {"AccountNotAllowed", "BadConstraints", "DependencyNeverSatisfied", "InvalidAccount", "InvalidQOS"}
_NEVER |= {"JobHeldAdmin", "JobHeldUser", "PartitionDown", "PartitionInactive", "PartitionNodeLimit"}
_NEVER |= {"PartitionTimeLimit", "QOSNotAllowed"}
#: Time after the end of a job within which its result may still appear on a network file system.
_LATE_SECONDS = 10.0
_POLL_SECONDS = 1.0
_QUEUE_SECONDS = (2.0, 15.0)


class SlurmJobFailed(RuntimeError):
    """Exception for a job that failed or died; the message is one line."""


class Paths(Protocol):
    """Protocol of a task's files (`submitit.core.utils.JobPaths`)."""

    @property
    def result_pickle(self) -> Path:
        """File of the result."""

    @property
    def stderr(self) -> Path:
        """File of the log."""


class Job(Protocol):
    """Protocol of a submitted job (`submitit.Job`)."""

    job_id: str
    num_tasks: int
    paths: Paths

    def task(self, task_id: int) -> "Job":
        """Return one task of the job."""


def queue_states(name: str) -> dict[str, str]:
    """Return the state of a job, or of each task of an array, from SLURM's queue, with its reason if it has one.

    Returns:
        States by job id (``12_0`` in an array); empty if SLURM no longer knows the job.

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
    """Return the first task's result, or the failure of any task; None if there is neither yet."""
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
        jobs: The jobs of one submission: those of an array, or a single one.
        states_of: See `queue_states`.
        clock: Returns monotonic time in seconds.
        sleep: Waits for a number of seconds.

    Returns:
        For each job the result of its first task, or a `SlurmJobFailed`.
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
                    # The result may still be on its way over the network file system.
                    if clock() - gone_since.setdefault(number, clock()) >= _LATE_SECONDS:
                        ended[number] = SlurmJobFailed(
                            f"died without a result: SLURM reports job {job.job_id} as {state} (log:"
                            f" {job.paths.stderr})"
                        )
                    next_look, pause = clock() + _QUEUE_SECONDS[0], _QUEUE_SECONDS[0]
                found = _log_counts(states, len(ended), len(jobs), found)
            sleep(_POLL_SECONDS)
    except (KeyboardInterrupt, SystemExit):
        log.warning("no longer waiting; job %s continues to run in SLURM: scancel %s ends it", name, name)
        raise


def _log_counts(states: Mapping[str, str], ended: int, jobs: int, before: str) -> str:
    """Log the numbers of ended, running and waiting jobs if they have changed; return the logged text."""
    counts = Counter(state.split()[0] for state in states.values())
    reasons = sorted({state.partition(" ")[2] for state in states.values() if state.startswith("PENDING (")})
    waiting = " ".join([f"{counts['PENDING']} waiting", *reasons])
    text = f"{ended} of {jobs} jobs ended, {counts['RUNNING']} running, {waiting}"
    if text != before:
        log.info(text)
    for reason in _NEVER.intersection(reason.strip("()") for reason in reasons):
        if reason not in before:
            log.warning("SLURM says %s: such a job waits until someone changes that; scancel ends it", reason)
    return text
