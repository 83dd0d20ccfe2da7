"""Writing of FAISS indexes to files."""

from pathlib import Path
from typing import Any

import faiss

from keyart.utils.files import atomic_path


def write_faiss(index: Any, path: Path, flags: int = 0) -> None:
    """Write an index, which may be memory-mapped from this very path: the old file stays until the new is complete.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    str(path).encode()  # FAISS does not say what is wrong with such a name when it reads
    library: Any = faiss
    faults: list[OSError] = []
    with atomic_path(path) as draft, draft.open("wb") as file:

        def write(data: bytes) -> int:
            try:
                return file.write(data)
            except OSError as error:
                faults.append(error)
                return 0

        try:
            # FAISS's own writer ignores that the end of a file could not be written.
            library.write_index(index, library.PyCallbackIOWriter(write), flags)
        except RuntimeError:
            if not faults:
                raise
            raise faults[0] from None
