"""Checks that a run or a sweep does not write into another one's folder by accident."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.launch.sweep.running import running_process
from keyart.runs.sweep.state import is_sweep
from keyart.training.resume import check_same_config


def named_folder(node: DictConfig) -> str | None:
    """Return the folder of ``hydra.run`` or ``hydra.sweep``; None if it is named after the time and thus always new."""
    written = OmegaConf.to_container(node, resolve=False)["dir"]  # type: ignore[call-overload, index]
    return None if "${now:" in str(written) else str(node.dir)


def check_run_folder(folder: str | None, config: Mapping[str, Any]) -> None:
    """Check that a new run does not resume another run's checkpoint.

    The same run may resume: if a cluster restarts a job, its command line and its folder are the same.
    """
    if folder is None:
        return
    _check_is_folder("hydra.run.dir", folder)
    if (Path(folder) / "checkpoints" / "last.ckpt").is_file():
        check_same_config(Path(folder), config, "hydra.run.dir")


def check_sweep_folder(folder: str | None, *, resumes: bool) -> None:
    """Check that a new sweep does not write into another sweep's folder.

    Args:
        folder: The sweep's folder; None for a new folder.
        resumes: Whether the command line resumes the sweep in this folder.
    """
    if folder is None:
        return
    key = "resume_sweep" if resumes else "hydra.sweep.dir"
    _check_is_folder(key, folder)
    if found := running_process(Path(folder)):
        raise InputError(f"{key}={folder}: {found}")
    if resumes:
        return
    if is_sweep(Path(folder)):
        raise InputError(
            f"hydra.sweep.dir={folder}: already contains a sweep; continue it with"
            f" resume_sweep={folder}, or name another"
            " folder"
        )


def check_job_folders(subdir: str) -> None:
    """Check that a sweep's jobs have folders named by their numbers, as its report and its resumption require."""
    if subdir != "${hydra.job.num}":
        raise InputError(
            f"hydra.sweep.subdir={subdir}: the folders of a sweep's jobs are named by their numbers; leave it"
            " out: sweep.csv lists each job's settings"
        )


def _check_is_folder(key: str, folder: str) -> None:
    if Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"{key}={folder}: is a file; name a folder")
