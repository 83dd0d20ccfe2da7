"""The cores of this machine, and how a process ended."""

import os
import signal


def usable_cores() -> int:
    """Return the number of cores that this process may use; on a cluster these may be fewer than exist."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_end(code: int) -> str:
    """Describe how a process ended, from its return code.

    Examples:
        >>> describe_end(1), describe_end(-9)
        ('ended with exit code 1', 'was killed by SIGKILL')
    """
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
