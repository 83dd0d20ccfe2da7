"""W&B's files in a run's folder: the run's id, its offline sessions, and what remains to be uploaded."""

import os
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from keyart.runs.sweep.state import is_sweep
from keyart.utils.files import write_text


def recorded_run_id(folder: Path) -> str:
    """Return the run's id in W&B, from its folder; a new id is created and saved if there is none."""
    file = folder / "wandb" / "id"
    known = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if not known:
        known = secrets.token_hex(4)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, known)
    return known


def offline_sessions(folder: Path) -> list[Path]:
    """Return the folders of a run's offline sessions, oldest first, without those that a later session replaced."""
    return sorted((folder / "wandb").glob("offline-run-*"))


def is_uploaded(session: Path) -> bool:
    """Return whether ``wandb sync`` has uploaded an offline session."""
    return any(session.glob("*.wandb.synced"))


def in_sweep(folder: Path) -> bool:
    """Return whether a folder is a sweep or one of its runs.

    A sweep prints one upload command for all its runs, so these print none.
    """
    return is_sweep(folder) or is_sweep(folder.parent)


def sync_line(folders: Sequence[Path]) -> str:
    """Return one command that uploads the offline sessions of some runs; empty if there is nothing to upload.

    Args:
        folders: Folders of runs: of one run or of a whole sweep.
    """
    waiting = [session for folder in folders for session in offline_sessions(folder) if not is_uploaded(session)]
    return " ".join(["wandb sync", *(shlex.quote(str(session)) for session in waiting)]) if waiting else ""


@contextmanager
def staged_in(folder: Path) -> Iterator[None]:
    """Make W&B's client store pending uploads in ``folder`` and not in the user's home."""
    before = os.environ.get("WANDB_DATA_DIR")
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]
        else:
            os.environ["WANDB_DATA_DIR"] = before
