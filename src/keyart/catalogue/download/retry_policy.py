"""Retry policy and rate limits: exponential back-off, Retry-After, and a request rate for each host."""

import asyncio
import email.utils
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

#: A host is abandoned after this many failed connections in a row over at least this time; short outages do no harm.
MANY_FAILURES, LONG_SECONDS = 20, 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """Retry policy for temporary failures.

    Attributes:
        retries: Maximum number of attempts after the first.
        first: Maximum wait before the first retry, in seconds; doubled for each further retry.
        longest: Maximum wait of our own, in seconds.
        max_retry_after: If a server requests a longer wait than this, in seconds, it is abandoned for this download.
    """

    retries: int = 4
    first: float = 1.0
    longest: float = 60.0
    max_retry_after: float = 300.0

    def wait(self, attempt: int, draw: Callable[[float, float], float] = random.uniform) -> float:
        """Return a random wait in seconds before the next attempt: exponential back-off with full jitter.

        The jitter prevents many clients from retrying at the same moment.

        Args:
            attempt: Number of failed attempts, from 1.
            draw: Draws uniformly between two numbers.
        """
        return draw(0.0, min(self.longest, self.first * 2.0 ** (attempt - 1)))


def parse_retry_after(header: str | None, now: float | None = None) -> float | None:
    """Parse a Retry-After header (RFC 9110, 10.2.3: a number or a date) into seconds; return None if it has no value.

    Examples:
        >>> parse_retry_after("7"), parse_retry_after("Thu, 01 Jan 1970 00:01:40 GMT", now=40.0)
        (7.0, 60.0)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, date - (time.time() if now is None else now))


class RateLimiter:
    """Rate limiter: at most ``rate`` requests per second to each host, and none during a pause.

    Args:
        rate: Requests per second and host.
        clock: Returns monotonic time in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 1.0 / rate
        self._clock = clock
        self._next: defaultdict[str, float] = defaultdict(float)
        self._quiet: defaultdict[str, float] = defaultdict(float)
        self._abandoned: dict[str, str] = {}
        self._failing: dict[str, tuple[int, float]] = {}  # failed connections in a row, and the time of the first

    async def wait_turn(self, host: str) -> None:
        """Wait until a request to ``host`` may start."""
        start = max(self._clock(), self._next[host], self._quiet[host])
        self._next[host] = start + self._gap
        while (left := max(start, self._quiet[host]) - self._clock()) > 0:
            await asyncio.sleep(left)

    def pause(self, host: str, seconds: float) -> None:
        """Pause all requests to ``host`` for a number of seconds."""
        self._quiet[host] = max(self._quiet[host], self._clock() + seconds)

    def reached(self, host: str, well: bool) -> None:
        """Record whether a connection to ``host`` succeeded."""
        if well:
            self._failing.pop(host, None)
        else:
            failed, since = self._failing.get(host, (0, self._clock()))
            self._failing[host] = failed + 1, since

    def abandon(self, host: str, reason: str) -> None:
        """Stop all further requests to ``host``."""
        self._abandoned[host] = reason

    def given_up(self, host: str) -> str | None:
        """Return why ``host`` gets no further requests (abandoned, or unreachable for too long), or None."""
        failed, since = self._failing.get(host, (0, 0.0))
        if failed >= MANY_FAILURES and self._clock() - since >= LONG_SECONDS:
            return f"{host} has not been reached for {LONG_SECONDS:g} s"
        return self._abandoned.get(host)
