"""Check whether a sweep still runs, here or in SLURM: a second process would train the same jobs again."""

import shutil
from pathlib import Path

from keyart.launch.slurm.watch import ALIVE, queue_states
from keyart.utils.folder_lock import find_writer

TASK = "runs this sweep"
_SUBMITTED = ".submitit"


def running_process(folder: Path) -> str | None:
    """Return which process runs a sweep and how to end it; None if there is none, as far as this machine can tell."""
    return find_writer(folder) or _slurm(folder)


def _slurm(folder: Path) -> str | None:
    """Return the SLURM job that runs the sweep: jobs continue even if the process that submitted them has ended."""
    if not (folder / _SUBMITTED).is_dir() or shutil.which("squeue") is None:
        return None
    names = {path.name.partition("_")[0] for path in (folder / _SUBMITTED).iterdir()}
    for name in sorted(name for name in names if name.isdigit()):
        try:
            states = queue_states(name)
        except OSError:
            continue
        if alive := [state.split()[0] for state in states.values() if state.split()[0] in ALIVE]:
            return f"SLURM job {name} of the sweep is {alive[0]}; wait for its end, or end it with scancel {name}"
    return None
