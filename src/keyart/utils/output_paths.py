"""Early checks that output files and folders can be written, before any work begins."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from keyart.errors import InputError
from keyart.utils.folder_lock import acquire, release


def check_output_file(parameter: str, path: Path, suffixes: Sequence[str]) -> None:
    """Check that a file can be written.

    Args:
        parameter: The parameter that names the file, for messages.
        path: The file; an existing file is replaced.
        suffixes: Allowed suffixes in lower case; the first is the usual one.

    Raises:
        InputError: The suffix is not allowed, the path is a folder, or its folder does not exist or is not writable.
    """
    if path.suffix.casefold() not in suffixes:
        raise InputError(f"name a file that ends in {suffixes[0]}", parameter=parameter, value=path)
    if path.is_dir():
        raise InputError("is a folder; name a file in it", parameter=parameter, value=path)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"there is no folder {path.parent}; create it first", parameter=parameter, value=path)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path.parent} may not be written; name another folder", parameter=parameter, value=path)


def check_output_folder(parameter: str, path: Path) -> None:
    """Check that a folder can be written, or created with its parents.

    Raises:
        InputError: The folder or one of its parents is a file or is not writable.
    """
    nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
    if not nearest.is_dir():
        text = "is a file" if nearest == path else f"{nearest} is a file"
        raise InputError(f"{text}; name another folder", parameter=parameter, value=path)
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{nearest} may not be written; name another folder", parameter=parameter, value=path)


@contextmanager
def output_folder(path: Path, task: str, part: str = "", *, parameter: str = "out") -> Iterator[None]:
    """Create an output folder and be its only writer within a block.

    A folder that is created here and stays empty, because the block fails, is removed.

    Args:
        path: The folder.
        task: See `keyart.utils.folder_lock.acquire`.
        part: See `keyart.utils.folder_lock.acquire`.
        parameter: The parameter that names the folder, for messages.

    Raises:
        InputError: The folder cannot be created, or another process writes it.
    """
    created = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        acquire(path, task, part)
    except OSError as error:
        message = f"cannot be used ({error.strerror or error}); name another folder"
        raise InputError(message, parameter=parameter, value=path) from None
    except InputError as error:
        raise InputError(error.text.removeprefix(f"{path}: "), parameter=parameter, value=path) from None
    try:
        yield
    finally:
        if created:
            with suppress(OSError):  # it holds files
                path.rmdir()
        release(path, part)
