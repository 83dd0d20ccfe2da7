"""Cache folders for results that can be computed again, with locks and atomic writes."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from keyart.errors import InputError
from keyart.utils import files
from keyart.utils.checksums import DIGEST_BYTES, file_digest
from keyart.utils.paths import cache_root
from keyart.utils.reading import check_regular


def cache_folder(part: str, cache_dir: Path | str | None = None) -> Path:
    """Return the sub-folder ``part`` of the cache; create it if it does not exist.

    Args:
        part: Name below the root, such as ``"pixels"`` or ``"features"``.
        cache_dir: A root other than `cache_root`.

    Raises:
        InputError: The folder cannot be created.
    """
    folder = (Path(cache_dir) if cache_dir is not None else cache_root()) / part
    with report_storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def report_storage_errors(folder: Path) -> Iterator[None]:
    """Convert errors of a full or unwritable cache to an `InputError`; any other ``OSError`` passes unchanged.

    Raises:
        InputError: The disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if (fault := files.storage_fault(error)) is None:
            raise
        raise InputError(f"cache folder {folder}: {fault}; make room, or set KEYART_CACHE to another folder") from error


def load_array(
    path: Path, dtype: npt.DTypeLike, shape: Sequence[int | None], mode: Literal["r", "c"] | None = None
) -> npt.NDArray[Any] | None:
    """Load an array of the cache, and compare it with its digest if `save_array` wrote it.

    Args:
        path: A ``.npy`` file.
        dtype: Its number format.
        shape: Its shape; None for a length that is not known.
        mode: How to map it into memory; None: it is read.

    Returns:
        The array; None if there is none, or if the file is damaged and the array has to be computed again.
    """
    try:
        check_regular(path)
        array: Any = np.load(path, mmap_mode=mode or "r")
        rest = path.stat().st_size - array.offset - array.nbytes
        if rest == DIGEST_BYTES:
            with path.open("rb") as file:
                file.seek(-DIGEST_BYTES, os.SEEK_END)
                if file.read().hex() != file_digest(path, omit=DIGEST_BYTES):
                    return None
        elif rest:
            return None
    except (OSError, ValueError, EOFError, AttributeError):  # an archive of arrays has no offset
        return None
    known = array.dtype == dtype and len(array.shape) == len(shape)
    known = known and all(requested in (None, found) for requested, found in zip(shape, array.shape, strict=True))
    if not known:
        return None
    return array if mode else np.array(array)


def load_bytes(path: Path) -> bytes | None:
    """Return what `save_array` wrote, less the digest; None if there is none, or if it is damaged."""
    try:
        digest = file_digest(path, omit=DIGEST_BYTES)
        content = path.read_bytes()
    except OSError:
        return None
    return content[:-DIGEST_BYTES] if content[-DIGEST_BYTES:].hex() == digest else None


def save_array(path: Path, content: npt.NDArray[Any] | Callable[[BinaryIO], object], *, alone: bool = False) -> None:
    """Write a ``.npy`` file, or another, with the digest of its content behind it, where readers ignore it.

    Args:
        path: The file's final name; its folder exists.
        content: The array; or a function that writes the content to an open file.
        alone: See `write_atomically`.

    Raises:
        InputError: The disk is full, or the folder cannot be written.
    """
    with report_storage_errors(path.parent), files.atomic_path(path, alone=alone) as draft:
        with draft.open("wb") as file:
            content(file) if callable(content) else np.save(file, content)
        digest = bytes.fromhex(file_digest(draft))
        with draft.open("ab") as file:
            file.write(digest)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock between processes; the system releases it when its holder dies."""
    with report_storage_errors(path.parent), FileLock(path):
        yield


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, alone: bool = False) -> None:
    """Write a file so that a reader sees either the complete file or none.

    Args:
        path: The file's final name; its folder exists.
        write: Writes the content to the open binary file that it receives.
        alone: Whether no other process can be writing ``path``, as under `locked`; see `files.atomic_path`.

    Raises:
        InputError: The disk is full, or the folder cannot be written.
    """
    with report_storage_errors(path.parent):
        files.write_atomically(path, write, alone=alone)
