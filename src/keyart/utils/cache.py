"""Cache folders for results that can be computed again, with locks and atomic writes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from keyart.errors import InputError
from keyart.utils import files
from keyart.utils.paths import cache_root


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
    """Load an array of the cache.

    Args:
        path: A ``.npy`` file.
        dtype: Its number format.
        shape: Its shape; None for a length that is not known.
        mode: How to map it into memory; None: it is read.

    Returns:
        The array; None if there is none, or if the file is damaged and the array has to be computed again.
    """
    try:
        array: npt.NDArray[Any] = np.load(path, mmap_mode=mode)
        if array.dtype == dtype and len(array.shape) == len(shape):
            known = all(requested in (None, found) for requested, found in zip(shape, array.shape, strict=True))
            return array if known else None
    except (OSError, ValueError, EOFError):
        pass
    return None


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
