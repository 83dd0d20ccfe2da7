"""Choice of a run from a folder that holds the runs of one name, such as ``outputs/head``."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from keyart.errors import InputError

_TIME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d{6})?")


def finished_run(folder: Path) -> Path:
    """Return a run's folder, or the latest finished run in a folder of runs.

    Args:
        folder: The named folder. If it holds neither a run nor runs, it is returned unchanged.

    Raises:
        InputError: None of its runs is finished, or it is a sweep or a folder of folders of runs.
    """
    return _latest(folder, "", "finished", lambda run: (run / "metrics.json").is_file() and (run / "embedder").is_dir())


def resumable_run(folder: Path) -> Path:
    """Return a run's folder, or the latest interrupted run in a folder of runs.

    Args:
        folder: The named folder. If it holds neither a run nor runs, it is returned unchanged.

    Raises:
        InputError: None of its runs can be resumed, or it is a sweep or a folder of folders of runs.
    """
    return _latest(
        folder,
        "resume=",
        "interrupted",
        lambda run: (run / "checkpoints" / "last.ckpt").is_file() and not (run / "metrics.json").is_file(),
    )


def _latest(folder: Path, key: str, kind: str, fits: Callable[[Path], bool]) -> Path:
    if not folder.is_dir() or _is_run(folder):
        return folder
    from keyart.runs.sweep.state import is_sweep

    if is_sweep(folder):
        if key:
            raise InputError(f"{key}{folder}: is the folder of a sweep; continue it with resume_sweep={folder}")
        raise InputError(
            f"{folder}: is the folder of a sweep; name the folder of one of its runs, such as {folder / '0'}"
        )
    below = sorted(path for path in folder.iterdir() if path.is_dir())
    runs = [path for path in below if _is_run(path)]
    if runs:
        if found := [run for run in runs if fits(run)]:
            return max(found, key=_began)
        raise InputError(f"{key}{folder}: none of its {len(runs)} runs is {kind}; name the folder of a run")
    named = [path for path in below if any(_is_run(one) for one in path.iterdir())]
    if named:
        several = ", ".join(map(str, named[:5])) + (", …" if len(named) > 5 else "")
        raise InputError(f"{key}{folder}: contains runs of several names; name one of {several}")
    return folder


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() or (folder / ".hydra" / "overrides.yaml").is_file()


def _began(run: Path) -> float:
    """Return the start time of a run.

    It is the time in the folder's name, which a copy keeps, or else the time when the configuration was written.
    """
    if _TIME.fullmatch(run.name):
        text = run.name if len(run.name) > 19 else f"{run.name}_000000"
        return datetime.strptime(text, "%Y-%m-%d_%H-%M-%S_%f").timestamp()
    known = [file for file in (run / "config.yaml", run / ".hydra" / "overrides.yaml") if file.is_file()]
    return known[0].stat().st_mtime
