"""Files that are written whole or not at all, and with the permissions that the umask asks for."""

import errno
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

#: What a person can do something about, by its error number.
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
    """Yield a draft beside ``path`` that takes its place when the block ends without an error.

    The draft lies in the same folder, hence on the same file system, and reaches the disk before it is renamed: a
    reader, and a machine that loses power, see the old file or the new one. It has the permissions that the umask
    gives new files, even where its writer creates private ones (safetensors, `tempfile`).

    Args:
        path: The file's final name; its folder exists.

    Yields:
        The draft: an empty file to be written to or replaced. It is removed when the block fails.

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
    """Write a file by an open binary file; see `replacing`.

    Args:
        path: The file's final name; its folder exists.
        write: Writes the content to the open binary file that it gets.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        write(file)


def remove_drafts(path: Path) -> None:
    """Remove what writers of ``path`` left that were killed; nobody else may be writing it."""
    for draft in path.parent.glob(f".{path.name}.*{_SUFFIX}"):
        draft.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no sync of folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def storage_fault(error: BaseException | None) -> str | None:
    """Say why a file could not be written where a person can do something about it; None elsewhere.

    Args:
        error: What was raised; torch raises a ``RuntimeError`` that hides the system's own error in its context.

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
    """Write JSON at once or not at all (never NaN, which is no JSON)."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
