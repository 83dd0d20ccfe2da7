"""The thread that computes what needs torch, one job at a time, with a bounded queue."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

T = TypeVar("T")
WAITING = 8
"""Maximum number of jobs that run or wait; the server answers further ones with status 429."""


class Busy(Exception):
    """Too many jobs are waiting."""


class Worker:
    """One thread for decoding images, embedding them and explaining pairs; it loads torch and the embedders first.

    Args:
        load: Loads everything that the first job needs.
    """

    def __init__(self, load: Callable[[], object]) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._load, self._waiting = load, 0
        self._loaded: asyncio.Task[None] | None = None
        self._began = 0.0
        self.state: Literal["not loaded", "loading", "ready", "failed"] = "not loaded"
        self.problem = ""

    def start(self) -> None:
        """Begin to load in the background; later calls do nothing."""
        if self._loaded is None or self.state == "failed":
            self.state, self._began = "loading", time.monotonic()
            self._loaded = asyncio.create_task(self._loading())

    async def _loading(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._load)
            self.state = "ready"
        except Exception as error:
            self.state, self.problem = "failed", " ".join(str(error).split()) or type(error).__name__

    def status(self) -> dict[str, Any]:
        """Return the state of loading, for JSON."""
        seconds = round(time.monotonic() - self._began, 1) if self.state == "loading" else None
        return {"state": self.state, "seconds": seconds, "problem": self.problem or None}

    async def run(self, job: Callable[..., T], *arguments: Any) -> T:
        """Run a job in the thread, after those that came before.

        Raises:
            Busy: Too many jobs are waiting.
        """
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            self.start()
            return await asyncio.get_running_loop().run_in_executor(self._pool, job, *arguments)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the thread end after its present job."""
        self._pool.shutdown(wait=False, cancel_futures=True)
