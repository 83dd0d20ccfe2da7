"""Launcher of the processes of one training run: it starts, watches and ends them together.

The job's own process starts one process per device, passes each the composed configuration, and trains nothing itself.
The command line is not run again (Lightning's own launcher does that), so a job of a sweep may use several processes
too. No process outlives the launcher.
"""

import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from keyart.errors import InputError
from keyart.launch.ddp.outcome import Outcome
from keyart.launch.slurm.job import cores_of_task
from keyart.training.early_ends import TrainingInterrupted, TrialPruned, stop_signals
from keyart.training.world_size import STARTED_HERE
from keyart.utils.files import write_bytes
from keyart.utils.processes import describe_end, usable_cores

Process = subprocess.Popen[bytes]
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 10.0


class ProcessFailed(RuntimeError):
    """Exception for a process that failed or died; the message says which one and how."""


def run_processes(
    count: int,
    config: Mapping[str, Any],
    folder: Path,
    checkpoint: Path | None = None,
    logs: Mapping[str, Any] | None = None,
    reporter: Any = None,
) -> float:
    """Train one run in several processes of this machine.

    Args:
        count: Number of processes.
        config: The composed and resolved configuration.
        folder: The run's folder.
        checkpoint: Checkpoint to resume from.
        logs: Logging configuration of the first process, for `logging.config.dictConfig`.
        reporter: See `keyart.training.train`.

    Returns:
        The result of `keyart.training.train.train` in the first process.

    Raises:
        InputError: The processes rejected the configuration or the data.
        ProcessFailed: A process failed or died; the others were ended.
        TrainingInterrupted: A signal stopped the processes, and they saved their state.
        TrialPruned: The search stopped the run.
    """
    with tempfile.TemporaryDirectory(prefix="keyart-") as place:
        job = Path(place) / "job.pkl"
        content = {"config": config, "folder": folder, "checkpoint": checkpoint, "logs": logs, "reporter": reporter}
        write_bytes(job, pickle.dumps(content))
        outcome_files = [job.with_name(f"{rank}.json") for rank in range(count)]
        processes: list[Process] = []
        grace, passed_on = _GRACE_SECONDS, set[int]()
        try:
            with _collected_signals() as signals:
                about = _environment(count)
                # Append one by one: if a process cannot start, those before it are ended.
                for rank in range(count):
                    processes += [_start(job, rank, about)]
                _watch(processes, outcome_files, signals, passed_on)
            grace = 0.0
        finally:
            left = [process for process in processes if process.poll() is None]
            _end(left, grace)
        pairs = zip(processes, outcome_files, strict=True)
        return _combine([None if process in left else _outcome(process, at, passed_on) for process, at in pairs])


def _environment(count: int) -> dict[str, str]:
    """Return the environment variables that all processes share."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    about = {
        STARTED_HERE: "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "NODE_RANK": "0",
    }
    usual = {
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": str(max(1, (cores_of_task() or usable_cores()) // count)),
    }
    return {**usual, **os.environ, **about}


def _start(job: Path, rank: int, about: Mapping[str, str]) -> Process:
    """Start one process in its own session, so that it receives Ctrl-C only from this process."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "keyart.launch.ddp.worker", str(job)],
        env={**about, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        stdin=subprocess.PIPE,  # the process ends when this pipe closes
        stdout=sys.stderr if _has_descriptor(sys.stderr) else subprocess.DEVNULL,
        start_new_session=True,
    )


def _has_descriptor(stream: Any) -> bool:
    try:
        return stream.fileno() >= 0
    except (OSError, ValueError, AttributeError):
        return False


@contextmanager
def _collected_signals() -> Iterator[list[int]]:
    """Collect stop signals in a list, to pass on to the processes; a second Ctrl-C raises immediately."""
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return

    def receive(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and number in found:
            raise KeyboardInterrupt
        found.add(number)
        signals.append(number)

    found: set[int] = set()
    before = {number: signal.signal(number, receive) for number in stop_signals()}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(processes: Sequence[Process], outcomes: Sequence[Path], signals: list[int], passed_on: set[int]) -> None:
    """Pass signals on and wait until all processes end; after a failure, wait only `_GRACE_SECONDS` for the others."""
    until = math.inf
    while any(process.poll() is None for process in processes) and time.monotonic() < until:
        while signals:
            passed_on.add(signals[0])
            _send(processes, signals.pop(0))
        ended = [
            _outcome(p, path, passed_on) for p, path in zip(processes, outcomes, strict=True) if p.poll() is not None
        ]
        if until == math.inf and any(outcome.kind not in ("finished", "cut", "pruned") for outcome in ended):
            until = time.monotonic() + _GRACE_SECONDS
        time.sleep(_POLL_SECONDS)


def _send(processes: Sequence[Process], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            process.send_signal(number)


def _end(processes: Sequence[Process], grace: float) -> None:
    """Interrupt processes, wait up to ``grace`` seconds, and kill those that still run."""
    try:
        if grace:
            _send(processes, signal.SIGINT)
        until = time.monotonic() + grace
        while any(process.poll() is None for process in processes) and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _outcome(process: Process, path: Path, passed_on: set[int]) -> Outcome:
    """Return the outcome of an ended process."""
    if found := Outcome.read(path):
        return found
    code = process.returncode
    if -code in passed_on:
        return Outcome("cut", time.time(), signal=-code)  # before its handlers were installed
    return Outcome("died", time.time(), text=describe_end(code))


def _combine(outcomes: Sequence[Outcome | None]) -> float:
    """Combine the outcomes of all processes into one result.

    Args:
        outcomes: Outcome of each rank; None for a process that had to be ended.

    Raises:
        InputError: A process rejected its input.
        ProcessFailed: A process died or failed. A death is reported first: it may have caused the failures.
        TrainingInterrupted: A signal stopped a process.
        TrialPruned: The search stopped the run.
    """

    def first(kind: str) -> tuple[int, Outcome] | None:
        found = [(rank, outcome) for rank, outcome in enumerate(outcomes) if outcome and outcome.kind == kind]
        return min(found, key=lambda pair: pair[1].at, default=None)

    if refused := first("refused"):
        raise InputError(refused[1].text, parameter=refused[1].parameter, value=refused[1].given)
    if failed := first("died") or first("failed"):
        raise ProcessFailed(f"process {failed[0]} of {len(outcomes)} {failed[1].text}")
    if cut := first("cut"):
        raise TrainingInterrupted(cut[1].signal, cut[1].steps)
    value = outcomes[0].value if outcomes[0] else None
    if pruned := first("pruned"):
        raise TrialPruned(pruned[1].steps, pruned[1].value or 0.0)
    return math.nan if value is None else value
