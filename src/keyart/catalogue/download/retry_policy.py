"""How long to wait, and how often: pace for each host, back-off, and what a server asks for in Retry-After."""

import asyncio
import email.utils
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

#: A host is given up after so many failed connections in a row over so long a time: a short outage passes.
MANY_FAILURES, LONG_SECONDS = 20, 60.0


@dataclass(frozen=True)
class Patience:
    """How failures that may pass are met.

    Attributes:
        retries: Further attempts after the first.
        first: Longest wait before the first of them, in seconds; doubled for each further one.
        longest: No wait of our own is longer, in seconds.
        longest_asked: A server that asks for a longer wait than this, in seconds, is given up for this time.
    """

    retries: int = 4
    first: float = 1.0
    longest: float = 60.0
    longest_asked: float = 300.0

    def wait(self, attempt: int, draw: Callable[[float, float], float] = random.uniform) -> float:
        """Seconds before attempt ``attempt`` + 1: exponential with full jitter, so that clients do not march in step.

        Args:
            attempt: Attempts that have failed, from 1.
            draw: Draws uniformly between two numbers.
        """
        return draw(0.0, min(self.longest, self.first * 2.0 ** (attempt - 1)))


def asked_wait(header: str | None, now: float | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: a number or a date); None where it says nothing.

    Examples:
        >>> asked_wait("7"), asked_wait("Thu, 01 Jan 1970 00:01:40 GMT", now=40.0), asked_wait("soon"), asked_wait(None)
        (7.0, 60.0, None, None)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, date - (time.time() if now is None else now))


class Pace:
    """Turns for requests: at most ``rate`` a second to one host, and none while the host wants quiet.

    Args:
        rate: Requests a second and host.
        clock: Seconds that only grow.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1.0 / rate
        self._clock = clock
        self._next: defaultdict[str, float] = defaultdict(float)
        self._quiet: defaultdict[str, float] = defaultdict(float)
        self._abandoned: dict[str, str] = {}
        self._failing: dict[str, tuple[int, float]] = {}  # failed connections in a row, and since when

    async def turn(self, host: str) -> None:
        """Wait until a request to ``host`` may start."""
        start = max(self._clock(), self._next[host], self._quiet[host])
        self._next[host] = start + self._gap
        while (left := max(start, self._quiet[host]) - self._clock()) > 0:
            await asyncio.sleep(left)

    def hush(self, host: str, seconds: float) -> None:
        """Let no request to ``host`` start for so long."""
        self._quiet[host] = max(self._quiet[host], self._clock() + seconds)

    def reached(self, host: str, well: bool) -> None:
        """Note whether a connection to ``host`` came about."""
        if well:
            self._failing.pop(host, None)
        else:
            failed, since = self._failing.get(host, (0, self._clock()))
            self._failing[host] = failed + 1, since

    def abandon(self, host: str, reason: str) -> None:
        """Ask ``host`` for nothing any more."""
        self._abandoned[host] = reason

    def given_up(self, host: str) -> str | None:
        """Why ``host`` is not asked any more: told to, or not reached for so long that each further wait is in vain."""
        failed, since = self._failing.get(host, (0, 0.0))
        if failed >= MANY_FAILURES and self._clock() - since >= LONG_SECONDS:
            return f"{host} has not been reached for {LONG_SECONDS:g} s"
        return self._abandoned.get(host)
