"""Writing of FAISS indexes to files."""

import os
from pathlib import Path
from typing import Any

import faiss


def write_faiss(index: Any, path: Path, flags: int = 0) -> None:
    """Write an index, which may be memory-mapped from this very path: the old file stays until the new is complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    write: Any = faiss.write_index
    write(index, str(draft), flags)
    draft.replace(path)
