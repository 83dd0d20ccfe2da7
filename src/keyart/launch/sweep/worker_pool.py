"""Pool of processes that run a sweep's jobs in parallel on this machine."""

import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any

from keyart.runs.sweep.state import record_failure
from keyart.utils.processes import describe_end, usable_cores

log = logging.getLogger(__name__)
_GRACE_SECONDS = 5.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class JobContext:
    """Settings that all jobs share.

    Attributes:
        config_folder: The folder of the configuration.
        config_name: Name of the root file.
        overrides: Overrides of Hydra's own configuration, including the sweep's folder.
    """

    config_folder: Path
    config_name: str
    overrides: tuple[str, ...]


@dataclass
class Worker:
    """One process of the pool.

    Attributes:
        process: The process, leader of its own process group.
        connection: Connection to the process.
        output: File of its output.
        job: Number of its current job; None while it is idle.
        began: Start time of that job.
    """

    process: subprocess.Popen[bytes]
    connection: Connection
    output: Path
    job: int | None = None
    began: float = 0.0


class WorkerPool:
    """Pool that runs at most ``size`` jobs at a time.

    Args:
        context: Settings that all jobs share.
        folder: Folder of the workers' output files.
        size: Number of parallel jobs.
        threads: Threads per worker; None: the number of cores divided by ``size``.
    """

    def __init__(self, context: JobContext, folder: Path, size: int, threads: int | None = None) -> None:
        self.folder, self.size = folder, size
        self.threads = threads or max(1, usable_cores() // size)
        self._context = pickle.dumps(context)
        self._gpus = visible_gpus()
        self._workers: dict[int, Worker] = {}

    def run(self, tasks: Mapping[int, list[str]], sweep: Path) -> dict[int, Any]:
        """Run jobs until all have ended.

        Args:
            tasks: Overrides of each job, by its number.
            sweep: The sweep's folder; if a job's process dies, the job's folder there records the failure.

        Returns:
            Result of Hydra's ``run_job`` for each job whose process did not die.
        """
        waiting, found = list(tasks), {}
        try:
            while waiting or any(worker.job is not None for worker in self._workers.values()):
                for slot in range(self.size):
                    if waiting and (slot not in self._workers or self._workers[slot].job is None):
                        self._give(slot, waiting.pop(0), tasks)
                busy = {worker.connection: slot for slot, worker in self._workers.items() if worker.job is not None}
                for connection in wait(list(busy)):
                    assert isinstance(connection, Connection)
                    number, result = self._take(busy[connection], sweep)
                    if result is not None:
                        found[number] = result
        except BaseException:
            self.close()
            raise
        return found

    def close(self) -> None:
        """End all workers and their children; a running job is interrupted and can be resumed."""
        workers, self._workers = list(self._workers.values()), {}
        for worker in workers:
            worker.connection.close()
            if worker.job is not None:
                _signal(worker.process, signal.SIGTERM)
        until = time.monotonic() + _GRACE_SECONDS
        for worker in workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            finally:
                _signal(worker.process, signal.SIGKILL)
                worker.process.wait()

    def _give(self, slot: int, number: int, tasks: Mapping[int, list[str]]) -> None:
        worker = self._workers.get(slot) or self._start(slot)
        self._workers[slot] = worker
        worker.job, worker.began = number, time.monotonic()
        with suppress(OSError):  # the worker has died: the next receive detects it
            worker.connection.send((number, tasks[number]))

    def _take(self, slot: int, sweep: Path) -> tuple[int, Any]:
        worker = self._workers[slot]
        assert worker.job is not None
        number, worker.job = worker.job, None
        took = time.monotonic() - worker.began
        try:
            result = pickle.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            del self._workers[slot]
            _signal(worker.process, signal.SIGKILL)  # its children
            ended = describe_end(worker.process.wait())
            record_failure(sweep / str(number), f"its process {ended}; see {worker.output}")
            log.error("job %d: its process %s; see %s", number, ended, worker.output)
            return number, None
        value = result._return_value
        text = "failed" if isinstance(value, float) and math.isnan(value) else f"ended with {value}"
        log.info("job %d %s after %.1f s", number, text, took)
        return number, result

    def _start(self, slot: int) -> Worker:
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / f"{slot}.log"
        mine, theirs = Pipe()
        environment = {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(self.threads))}
        # Workers must import the same keyart as this process.
        paths = [str(Path(__file__).resolve().parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        if self._gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        with output.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "keyart.launch.sweep.worker", str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                pass_fds=[theirs.fileno()],
                env=environment,
                # In its own process group, its children end with it, and it receives Ctrl-C only from this process.
                start_new_session=True,
            )
        theirs.close()
        mine.send_bytes(self._context)
        return Worker(process, mine, output)


def visible_gpus() -> list[str]:
    """Return the GPUs that jobs may use, as in ``CUDA_VISIBLE_DEVICES``; empty if there are none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [part.strip() for part in named.split(",") if part.strip() not in ("", "-1")]
    import torch

    return [str(at) for at in range(torch.cuda.device_count())]


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
