"""File sizes and checksums that detect damage and stay fast for files of many gigabytes."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from keyart.errors import InputError
from keyart.utils.reading import check_regular

BLOCK = 1 << 20
MAX_BLOCKS = 256
DIGEST_BYTES = 16


def file_digest(path: Path, *, omit: int = 0) -> str:
    """Return the BLAKE2b digest of a file's size and content (only of samples of it for a large file).

    Files of up to 256 MiB are read completely. Of a larger file, 256 blocks of 1 MiB are read, evenly spaced from the
    first to the last, so that a memory-mapped index opens quickly. A truncated file is always detected, and a shifted
    or mixed-up one practically always. A single flipped bit between two blocks is not detected.

    Args:
        path: The file.
        omit: Number of bytes at the end that do not count.

    Raises:
        OSError: The file cannot be read, or is a pipe or a device.
    """
    check_regular(path)
    size = path.stat().st_size - omit
    digest = hashlib.blake2b(str(size).encode(), digest_size=DIGEST_BYTES)
    blocks = -(-size // BLOCK)
    with path.open("rb") as file:
        for i in range(min(blocks, MAX_BLOCKS)):
            start = i * BLOCK if blocks <= MAX_BLOCKS else (size - BLOCK) * i // (MAX_BLOCKS - 1)
            file.seek(start)
            digest.update(file.read(min(BLOCK, size - start)))
    return digest.hexdigest()


def embedder_digest(folder: Path) -> str:
    """Return a digest of an embedder's description and weights, which is the same for every copy of it.

    Raises:
        InputError: The folder holds no embedder.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    names = sorted(path.name for path in folder.glob("*") if path.suffix in (".json", ".safetensors"))
    if "embedder.json" not in names:
        raise InputError(f"{folder}: there is no embedder (no embedder.json); name a finished run's folder")
    for name in names:
        if name != "frozen.safetensors":
            digest.update(f"{name}\0".encode() + file_digest(folder / name).encode())
    return digest.hexdigest()


def describe_files(folder: Path, names: Iterable[str]) -> dict[str, dict[str, int | str]]:
    """Return the size in bytes and the :func:`file_digest` of each file."""
    return {n: {"bytes": (folder / n).stat().st_size, "digest": file_digest(folder / n)} for n in names}


def verify_files(folder: Path, files: Mapping[str, Mapping[str, int | str]]) -> str | None:
    """Return the first difference between files and their :func:`describe_files`, as text; None if there is none."""
    for name, summary in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        size = path.stat().st_size
        if size != summary["bytes"]:
            return f"{name} has {size} bytes instead of {summary['bytes']}"
        if file_digest(path) != summary["digest"]:
            return f"{name} is not what was written"
    return None
