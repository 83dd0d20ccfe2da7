"""Whether a sweep still runs: two in one folder would train the same jobs twice, each over the other's files.

One process holds a sweep by a lock on a file in its folder. The system lets go of it when that process ends, however it
ends. Where the file system knows no such locks, the file names its owner, and an owner of this machine that has ended
is replaced; one of another machine cannot be seen from here, and the refusal names the file to remove.
"""

import json
import os
import shutil
import socket
import warnings
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from keyart.errors import InputError
from keyart.launch.slurm.watch import ALIVE, queue_states
from keyart.utils.files import write_json

_LOCK = ".running"
_OWNED = ".running.lock"
_OWNER = ".running.json"
_SUBMITTED = ".submitit"
_PATIENCE_SECONDS = 2.0
"""Another process that only looks whether the sweep runs holds the lock for a moment."""
_claimed: dict[Path, BaseFileLock] = {}


def claim(folder: Path) -> None:
    """Have this process be the one that runs a sweep, until it ends or lets it go.

    Args:
        folder: The sweep's; exists.

    Raises:
        InputError: Another process runs it, or the folder cannot be written.
    """
    try:
        lock = _locked(folder, _PATIENCE_SECONDS)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from None
    if lock is None:
        raise InputError(f"{folder}: {_owner(folder)}")
    _claimed[folder] = lock
    write_json(folder / _OWNER, {"pid": os.getpid(), "host": socket.gethostname()})


def let_go(folder: Path) -> None:
    """No longer run a sweep."""
    if (lock := _claimed.pop(folder, None)) is not None:
        (folder / _OWNER).unlink(missing_ok=True)
        lock.release()


def who_runs(folder: Path) -> str | None:
    """Who runs a sweep just now, and how to end that; None: nobody, as far as this machine can tell."""
    return _process(folder) or _slurm(folder)


def _process(folder: Path) -> str | None:
    if not any((folder / name).exists() for name in (_LOCK, _OWNED)):
        return None
    try:
        lock = _locked(folder, 0.0)
    except OSError:  # nothing can be written here; claiming it says so
        return None
    if lock is None:
        return _owner(folder)
    lock.release()
    return None


def _locked(folder: Path, seconds: float) -> BaseFileLock | None:
    """The lock of a folder, held; None where another process holds it.

    Raises:
        OSError: The folder cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the file system has no locks is no news to anybody
        try:
            try:
                return _acquired(FileLock(folder / _LOCK), seconds)
            except OSError as error:
                if isinstance(error, Timeout):
                    raise
                return _acquired(SoftFileLock(folder / _OWNED), seconds)
        except Timeout:
            return None


def _acquired(lock: BaseFileLock, seconds: float) -> BaseFileLock:
    lock.acquire(timeout=seconds)
    return lock


def _owner(folder: Path) -> str:
    """Who holds a sweep, from what it noted."""
    try:
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        pid, host = int(owner["pid"]), str(owner["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process runs this sweep; wait for its end, or stop it"
    told = f"process {pid} on {host} runs this sweep; wait for its end, or stop it"
    if host != socket.gethostname() and (folder / _OWNED).exists():
        told += f" (if it is gone, remove {folder / _OWNED})"
    return told


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
