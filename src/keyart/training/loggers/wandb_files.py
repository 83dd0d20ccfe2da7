"""What W&B keeps in a run's folder: its id, its offline sessions, and what is still to be uploaded."""

import os
import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from keyart.runs.sweep.state import is_sweep


def kept_id(folder: Path) -> str:
    """The run's id in W&B: the one in its folder, else a new one that is put there.

    Args:
        folder: The run's.
    """
    file = folder / "wandb" / "id"
    known = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if not known:
        known = secrets.token_hex(4)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(known, encoding="utf-8")
    return known


def offline_sessions(folder: Path) -> list[Path]:
    """Folders of a run's offline sessions, the oldest first; those that a later one replaced are not among them."""
    return sorted((folder / "wandb").glob("offline-run-*"))


def is_uploaded(session: Path) -> bool:
    """Whether ``wandb sync`` has uploaded an offline session."""
    return any(session.glob("*.wandb.synced"))


def in_sweep(folder: Path) -> bool:
    """Whether a folder is a sweep's, or of one of its runs: the sweep tells for all of them how to upload them."""
    return is_sweep(folder) or is_sweep(folder.parent)


def sync_line(folders: Sequence[Path]) -> str:
    """The one command that uploads the offline runs of these run folders; empty where there is nothing to upload.

    Args:
        folders: Folders of runs, of one or of a whole sweep.
    """
    waiting = [session for folder in folders for session in offline_sessions(folder) if not is_uploaded(session)]
    return " ".join(["wandb sync", *(shlex.quote(str(session)) for session in waiting)]) if waiting else ""


@contextmanager
def staged_in(folder: Path) -> Iterator[None]:
    """Have W&B's client keep what it has yet to upload in ``folder``, not in the person's home."""
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
