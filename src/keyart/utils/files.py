"""Atomic file writes, with the permissions that the umask specifies."""

import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
_SUFFIX = ".part"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft file beside ``path`` that replaces it when the block ends without an error.

    The draft is in the same folder, and so on the same file system, and it is flushed to the disk before it is renamed.
    After a power failure too, a reader sees either the old file or the new one. The file has the permissions that the
    umask gives new files, even if its writer creates private files (safetensors, `tempfile`).

    Args:
        path: The file's final name; its folder exists.

    Yields:
        The draft: an empty file to write to or to replace. It is removed if the block fails.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    mode = os.fstat(descriptor).st_mode & 0o7777
    os.close(descriptor)
    try:
        yield draft
        draft.chmod(mode)
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a binary file atomically; see `replacing`.

    Args:
        path: The file's final name; its folder exists.
        write: Writes the content to the open binary file that it receives.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        write(file)


def remove_drafts(path: Path) -> None:
    """Remove the drafts of ``path`` that killed writers left; no other process may be writing it."""
    for draft in path.parent.glob(f".{path.name}.*{_SUFFIX}"):
        draft.unlink(missing_ok=True)


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


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; raise ``ValueError`` for NaN, which is not valid JSON."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
