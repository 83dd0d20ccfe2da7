"""Values that the server computes once, while it goes on answering."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Report = Callable[[int, int], None]


class Computing(Exception):
    """A value is not ready yet.

    Args:
        state: What the server answers meanwhile: ``done`` and ``total`` steps.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state


class Background(Generic[T]):
    """A value that a thread computes at the first request.

    Args:
        compute: Returns the value; its argument is called with the numbers of steps that are done and of all.
        patience: Seconds that a request waits for the value.
    """

    def __init__(self, compute: Callable[[Report], T], patience: float = 0.0) -> None:
        self._compute, self._patience, self._lock = compute, patience, threading.Lock()
        self._thread: threading.Thread | None = None
        self._found: list[T] = []
        self._problem: Exception | None = None
        self._done, self._total = 0, 0

    def start(self) -> threading.Thread:
        """Begin to compute, if nobody has; return the thread that does."""
        with self._lock:
            if self._thread is None:
                # A daemon does not hold up the end of the server.
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            return self._thread

    def get(self) -> T:
        """Return the value.

        Raises:
            Computing: It is not ready.
            Exception: The computation failed so; the next call begins it again.
        """
        self.start().join(self._patience)
        if self._found:
            return self._found[0]
        with self._lock:
            if self._problem is not None:
                problem, self._problem, self._thread = self._problem, None, None
                raise problem
        raise Computing({"done": self._done, "total": self._total})

    @property
    def ended(self) -> bool:
        """Whether the value is ready, or its computation has failed."""
        return self._thread is not None and not self._thread.is_alive()

    def _report(self, done: int, total: int) -> None:
        self._done, self._total = done, total

    def _run(self) -> None:
        try:
            self._found.append(self._compute(self._report))
        except Exception as problem:
            self._problem = problem
