"""Atomic writes of files and folders, with the permissions that the umask specifies.

Everything that another process may read is written to a draft beside it and renamed when it is complete and on the
disk. A process that is killed leaves the old state and a draft, which the next writer of the same path removes.
"""

import ctypes
import errno
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

#: Errors that a user can fix, by error number.
STORAGE_FAULTS = {
    errno.ENOSPC: "no space is left there",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than is allowed there",
    errno.EACCES: "it may not be written",
    errno.EPERM: "it may not be written",
    errno.EROFS: "its file system is read-only",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a file has that name",
}
FIXES = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "close other programs: the system has no more open files",
    errno.ENOENT: "check the path",
    errno.EACCES: "check its permissions, or name another place",
    errno.EPERM: "check its permissions, or name another place",
}
_LONGEST_SHOWN = 200
_SUFFIX = ".part"
_OLD = f".old{_SUFFIX}"
_ABANDONED_SECONDS = 24 * 3600
"""A draft of another machine, whose processes cannot be seen, counts as abandoned after this time without a change."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_open_drafts: set[str] = set()
"""Names of this process's drafts."""


@contextmanager
def atomic_path(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Yield a draft file beside ``path`` that replaces it when the block ends without an error.

    The draft is in the same folder, and so on the same file system, and it is flushed to the disk before it is renamed.
    After a power failure too, a reader sees either the old file or the new one. The file has the permissions that the
    umask gives new files, even if its writer creates private files (safetensors, `tempfile`).

    Args:
        path: The file's final name; its folder exists.
        alone: Whether no other process can be writing ``path``: then all drafts of it are removed first, not only those
            of processes that have ended.

    Yields:
        The draft: an empty file to write to or to replace. It is removed if the block fails.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    with _draft(path, alone=alone) as draft:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        mode = os.fstat(descriptor).st_mode & 0o7777
        os.close(descriptor)
        yield draft
        draft.chmod(mode)
        sync(draft)
        draft.replace(path)
        sync(path.parent)


@contextmanager
def replacing_folder(path: Path, names: Sequence[str], *, alone: bool = False) -> Iterator[Path]:
    """Yield a draft folder whose files become visible in ``path`` all at once when the block ends without an error.

    An existing folder is kept until the new one is complete; then the two change places in one step of the file system.
    Where there is no such step (outside Linux, on some network file systems), two renames follow each other; the next
    writer undoes the first if the process was killed between them. Only the files can be replaced, one by one, if the
    folder itself has to stay: a mount point, the working directory, or a folder whose parent cannot be written.

    Args:
        path: The folder; it and its parents are created if they do not exist.
        names: All entries that the block may write; the last one says that the set is complete. Other entries of an
            existing folder stay.
        alone: See `atomic_path`.

    Yields:
        The draft, an empty folder. It is removed if the block fails.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    path = path.resolve()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    stays = path.is_dir() and (
        path.is_mount() or Path.cwd().is_relative_to(path) or not os.access(path.parent, os.W_OK | os.X_OK)
    )
    with _draft(path / path.name if stays else path, path, names, alone=alone) as draft:
        draft.mkdir()
        yield draft
        for entry in draft.rglob("*"):
            sync(entry)
        sync(draft)
        if stays:
            others = [entry.name for entry in draft.iterdir() if entry.name not in names]
            for name in (*others, *names):
                if (draft / name).exists():
                    (draft / name).replace(path / name)
                else:
                    remove(path / name)
            sync(path)
        elif path.exists():
            draft.chmod(path.stat().st_mode & 0o7777)
            _swap(draft, path)
            # From here on the draft's name holds the old folder: if this fails, the next writer has to finish it.
            _open_drafts.discard(draft.name)
            _give_back(draft, path, names)
            remove(draft)
        else:
            draft.rename(path)
        sync(path.parent)


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, alone: bool = False) -> None:
    """Write a binary file atomically; see `atomic_path`.

    Args:
        path: The file's final name; its folder exists.
        write: Writes the content to the open binary file that it receives.
        alone: See `atomic_path`.
    """
    with atomic_path(path, alone=alone) as draft, draft.open("wb") as file:
        try:
            write(file)
        except Exception as error:
            # PyTorch completes its file also after Ctrl-C, and fails at it.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Write text atomically, in UTF-8 and with its line ends as they are."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; raise ``ValueError`` for NaN, which is not valid JSON."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def remove(path: Path) -> None:
    """Remove a file or a folder with its content, if it exists; a link is removed, not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def storage_fault(error: BaseException | None) -> str | None:
    """Return why a file could not be written, if a user can fix the reason; otherwise None.

    Args:
        error: The raised exception; torch raises a ``RuntimeError`` with the system's error in its context.

    Examples:
        >>> storage_fault(OSError(errno.ENOSPC, "No space left on device"))
        'no space is left there'
        >>> storage_fault(ValueError()) is None
        True
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in STORAGE_FAULTS:
            return STORAGE_FAULTS[error.errno]
        error = error.__cause__ or error.__context__
    return None


def describe_fault(error: OSError) -> str:
    """Return one line on an error of the system: the path, what happened, and how to fix it.

    Examples:
        >>> describe_fault(OSError(errno.ENOSPC, "No space left on device", "/data/x"))
        '/data/x: no space is left there; make room, or name another place'
    """
    fault = STORAGE_FAULTS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
    fix = FIXES.get(error.errno or 0, "make room, or name another place" if storage_fault(error) else "check the path")
    path = without_drafts(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else ""
    shown = path if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]}…"
    return f"{shown}: {fault}; {fix}" if shown else f"{fault}; {fix}"


def without_drafts(path: str) -> str:
    """Return a path with the names that its files will have, for messages about a draft.

    Examples:
        >>> without_drafts("/data/.out.0a1b-12-e4449ba1.part/.x.faiss.0a1b-12-b7359e4d.part")
        '/data/out/x.faiss'
    """
    return re.sub(rf"\.([^/]+)\.[^/.]+-\d+-[0-9a-f]{{8}}{re.escape(_SUFFIX)}(?=/|$)", r"\1", path)


@contextmanager
def _draft(path: Path, folder: Path | None = None, names: Sequence[str] = (), *, alone: bool) -> Iterator[Path]:
    """Yield a new name for a draft of ``path`` after removing abandoned ones; remove what has that name at the end."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_SUFFIX}"):
        if left.name not in _open_drafts and (alone or _is_abandoned(left)):
            with suppress(FileNotFoundError):  # another writer has just removed it
                if folder is not None and left.is_dir():
                    _restore(left, folder, names)
                remove(left)
    draft = path.with_name(f".{path.name}.{_place()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    _open_drafts.add(draft.name)
    try:
        yield draft
    finally:
        if draft.name in _open_drafts:
            remove(draft)
            _open_drafts.discard(draft.name)


@cache
def _place() -> str:
    """Return a name for this machine, or for a container with its own processes."""
    known = [socket.gethostname()]
    with suppress(OSError):
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:8]


def _is_abandoned(draft: Path) -> bool:
    """Return whether the process that wrote a draft has ended, as far as this machine can tell."""
    place, pid, *_ = [*draft.name.removesuffix(_OLD).removesuffix(_SUFFIX).rpartition(".")[2].split("-"), ""]
    if place != _place() or not pid.isdecimal():
        return time.time() - draft.stat().st_mtime > _ABANDONED_SECONDS
    # A draft with this process's number that it does not know is of an ended process with the same number.
    return int(pid) == os.getpid() or not _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _swap(draft: Path, path: Path) -> None:
    """Exchange two folders."""
    if not _exchange(draft, path):
        old = draft.with_name(draft.name.removesuffix(_SUFFIX) + _OLD)
        path.rename(old)
        draft.rename(path)
        old.rename(draft)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; return False if the system cannot."""
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    return call is not None and not call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)


def _restore(left: Path, path: Path, names: Sequence[str]) -> None:
    """Save from an abandoned draft what a killed exchange has left in it: the old folder, or others' entries."""
    if not path.exists() and left.name.endswith(_OLD):
        left.rename(path)
    elif path.is_dir():
        _give_back(left, path, names)


def _give_back(old: Path, path: Path, names: Sequence[str]) -> None:
    """Move the entries that are not the writer's from the old folder to the new one."""
    for entry in old.iterdir():
        if not (entry.name in names or entry.name.endswith(_SUFFIX) or (path / entry.name).exists()):
            entry.rename(path / entry.name)
