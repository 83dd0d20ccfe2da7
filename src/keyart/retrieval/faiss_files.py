"""Writing of FAISS indexes to files."""

from pathlib import Path
from typing import Any

import faiss

from keyart.utils.files import atomic_path


def write_faiss(index: Any, path: Path, flags: int = 0) -> None:
    """Write an index, which may be memory-mapped from this very path: the old file stays until the new is complete."""
    with atomic_path(path) as draft:
        write: Any = faiss.write_index
        str(draft).encode()  # FAISS does not say what is wrong with such a name
        write(index, str(draft), flags)
