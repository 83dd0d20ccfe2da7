"""One writer for a folder at a time: a second process is refused, and the message names the one that writes.

The lock is a hidden file beside the folder. The system releases it when its process ends, however it ends; a clean end
removes the file too. If the file system has no locks, the file's existence is the lock: one of an ended process of this
machine is replaced, and for one of another machine, the message names the file to remove.
"""

import atexit
import errno
import fcntl
import hashlib
import json
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from keyart.errors import InputError

_PATIENCE_SECONDS = 2.0
"""Another process that only looks for a writer holds the lock for a moment."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
_LONGEST_NAME = 200
_releases: dict[Path, Callable[[], None]] = {}
_descriptors: set[int] = set()


def acquire(folder: Path, task: str, part: str = "") -> None:
    """Make this process the only writer of a folder until it ends or calls `release`.

    Args:
        folder: The folder; it need not exist, but its parent does.
        task: What the process does, for the message that another process gets, such as ``"builds this index"``.
        part: Which part of the folder; parts have a writer each.

    Raises:
        InputError: Another process, or another thread of this one, writes the folder, or the lock cannot be created.
    """
    file = _lock_file(folder, part)
    until = time.monotonic() + _PATIENCE_SECONDS
    try:
        while (release := _acquire(file)) is None:
            if time.monotonic() > until:
                raise InputError(f"{folder}: {_describe(file)}")
            time.sleep(0.02)
        record = {"pid": os.getpid(), "host": socket.gethostname(), "task": task}
        file.write_text(json.dumps(record), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from None
    _releases[file] = release


def release(folder: Path, part: str = "") -> None:
    """Stop being the writer of a folder, if this process is."""
    if (release := _releases.pop(_lock_file(folder, part), None)) is not None:
        release()


@contextmanager
def sole_writer(folder: Path, task: str, part: str = "") -> Iterator[None]:
    """Be the only writer of a folder within a block; see `acquire`."""
    acquire(folder, task, part)
    try:
        yield
    finally:
        release(folder, part)


def find_writer(folder: Path) -> str | None:
    """Return who writes a folder and what to do about it; None if no process does, as far as this machine can tell."""
    file = _lock_file(folder)
    if not file.exists():
        return None
    try:
        release = _acquire(file)
    except OSError:  # it cannot be written; `acquire` says so
        return None
    if release is None:
        return _describe(file)
    release()
    return None


def _lock_file(folder: Path, part: str = "") -> Path:
    """Return the lock's file: beside the folder, which may be replaced as a whole; else in it."""
    folder = folder.resolve()
    name = ".".join(filter(None, (folder.name, part)))
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    inside = folder.is_mount() or not os.access(folder.parent, os.W_OK | os.X_OK)
    return (folder if inside else folder.parent) / f".{name}.running"


def _soft_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.lock")


def _acquire(file: Path) -> Callable[[], None] | None:
    """Lock a file, and return what releases and removes it; None if it is locked already.

    Raises:
        OSError: The file cannot be created.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The last writer may have removed the file after it was opened here.
            if _is_same(file, descriptor):
                break
        except OSError as error:
            os.close(descriptor)
            if error.errno in _NO_LOCKS:
                return _acquire_soft(file)
            if error.errno == errno.EWOULDBLOCK:
                return None
            raise
        os.close(descriptor)
    _descriptors.add(descriptor)

    def release() -> None:
        file.unlink(missing_ok=True)
        _descriptors.discard(descriptor)
        os.close(descriptor)

    return release


def _is_same(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _acquire_soft(file: Path) -> Callable[[], None] | None:
    from filelock import SoftFileLock, Timeout

    lock = SoftFileLock(_soft_file(file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the file system has no locks is known here
        try:
            lock.acquire(timeout=0.0)
        except Timeout:
            return None

    def release() -> None:
        file.unlink(missing_ok=True)
        lock.release()

    return release


def _describe(file: Path) -> str:
    """Return who holds a lock, from the record in its file."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        pid, host, task = int(record["pid"]), str(record["host"]), str(record["task"])
    except (OSError, ValueError, KeyError, TypeError):
        return "another process writes it; wait for its end, or stop it"
    message = f"process {pid} on {host} {task}; wait for its end, or stop it"
    if host != socket.gethostname() and _soft_file(file).exists():
        message += f" (if it is gone, remove {_soft_file(file)})"
    return message


def _close_in_child() -> None:
    """Close the locks' files in a forked process, which may outlive the writer."""
    for descriptor in _descriptors:
        with suppress(OSError):
            os.close(descriptor)
    _descriptors.clear()
    _releases.clear()


def _let_go_of_all() -> None:
    while _releases:
        with suppress(OSError):
            _releases.popitem()[1]()


os.register_at_fork(after_in_child=_close_in_child)
atexit.register(_let_go_of_all)
