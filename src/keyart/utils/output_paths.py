"""Checks of where results are to be written, made before any work begins."""

import os
from collections.abc import Sequence
from pathlib import Path

from keyart.errors import InputError


def check_output_file(option: str, path: Path, suffixes: Sequence[str]) -> None:
    """Check that a file can be written.

    Args:
        option: What names the file, for the message.
        path: The file; one that exists is replaced.
        suffixes: Endings that its name may have, in lower case; the first is the usual one.

    Raises:
        InputError: Its name ends otherwise, it is a folder, or its folder is missing or may not be written.
    """
    if path.suffix.casefold() not in suffixes:
        raise InputError(f"{option} {path}: name a file that ends in {suffixes[0]}")
    if path.is_dir():
        raise InputError(f"{option} {path}: is a folder; name a file in it")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{option} {path}: there is no folder {path.parent}; create it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{option} {path}: {path.parent} may not be written; name another folder")


def check_output_folder(option: str, path: Path) -> None:
    """Check that a folder can be written, or created with the folders above it.

    Raises:
        InputError: It or a folder above it is a file or may not be written.
    """
    nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
    if not nearest.is_dir():
        told = "is a file" if nearest == path else f"{nearest} is a file"
        raise InputError(f"{option} {path}: {told}; name another folder")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{option} {path}: {nearest} may not be written; name another folder")
