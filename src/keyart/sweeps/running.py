"""Whether a sweep still runs: two in one folder would train the same jobs twice, each over the other's files."""

import fcntl
import os
import shutil
from pathlib import Path

from keyart.slurm.watch import ALIVE, queue_states

_LOCK = ".running"
_SUBMITTED = ".submitit"
_claimed: dict[Path, int] = {}


def claim(folder: Path) -> None:
    """Have this process be the one that runs a sweep, until it ends or lets it go.

    Where the file system knows no locks, nothing is claimed.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except OSError:
        os.close(descriptor)
    else:
        _claimed[folder] = descriptor


def let_go(folder: Path) -> None:
    """No longer run a sweep."""
    if (descriptor := _claimed.pop(folder, None)) is not None:
        (folder / _LOCK).unlink(missing_ok=True)
        os.close(descriptor)


def who_runs(folder: Path) -> str | None:
    """Who runs a sweep just now, and how to end that; None: nobody, as far as this machine can tell."""
    return _process(folder) or _slurm(folder)


def _process(folder: Path) -> str | None:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return f"process {os.read(descriptor, 32).decode() or 'unknown'} runs it; wait for its end, or stop it"
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _slurm(folder: Path) -> str | None:
    """SLURM's jobs go on when the process that has submitted them stops to wait for them."""
    if not (folder / _SUBMITTED).is_dir() or shutil.which("squeue") is None:
        return None
    names = {path.name.partition("_")[0] for path in (folder / _SUBMITTED).iterdir()}
    for name in sorted(name for name in names if name.isdigit()):
        try:
            states = queue_states(name)
        except OSError:
            continue
        if alive := [state.split()[0] for state in states.values() if state.split()[0] in ALIVE]:
            return f"SLURM has its job {name} as {alive[0]}; wait for its end, or end it with scancel {name}"
    return None
