"""Where a run or a sweep will land: never in another one's folder by accident."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.launch.sweep.lock import who_runs
from keyart.runs.sweep.state import is_sweep
from keyart.training.resume import check_same_config


def named_folder(node: DictConfig) -> str | None:
    """The folder of ``hydra.run`` or ``hydra.sweep``; None for one named after the time, which is always a new one.

    Raises:
        OmegaConfBaseException: It takes a value from a key that is not there.
    """
    written = OmegaConf.to_container(node, resolve=False)["dir"]  # type: ignore[call-overload, index]
    return None if "${now:" in str(written) else str(node.dir)


def check_run_folder(folder: str | None, config: Mapping[str, Any]) -> None:
    """Check that a new run does not go on with another one's checkpoint.

    The same run may: a job that a cluster starts again is the same line with the same folder.

    Args:
        folder: Where it would land; None: in a new folder.
        config: Its resolved configuration.

    Raises:
        InputError: It holds another run, or is no folder.
    """
    if folder is None:
        return
    _check_is_folder("hydra.run.dir", folder)
    if (Path(folder) / "checkpoints" / "last.ckpt").is_file():
        check_same_config(Path(folder), config, "hydra.run.dir")


def check_sweep_folder(folder: str | None, *, resumes: bool) -> None:
    """Check that a new sweep does not land in another one's folder.

    Args:
        folder: Where it would land; None: in a new folder.
        resumes: Whether it continues the sweep that is there.

    Raises:
        InputError: There is a sweep already, or it is no folder; or what is to be continued still runs.
    """
    if folder is None:
        return
    key = "resume_sweep" if resumes else "hydra.sweep.dir"
    _check_is_folder(key, folder)
    if told := who_runs(Path(folder)):
        raise InputError(f"{key}={folder}: {told}")
    if resumes:
        return
    if is_sweep(Path(folder)):
        raise InputError(
            f"hydra.sweep.dir={folder}: holds a sweep already; continue it with resume_sweep={folder}, or name another"
            " folder"
        )


def check_job_folders(subdir: str) -> None:
    """Check that a sweep's jobs lie in folders by their numbers, which is where its report and its resuming look.

    Args:
        subdir: ``hydra.sweep.subdir`` as it is written.

    Raises:
        InputError: They do not.
    """
    if subdir != "${hydra.job.num}":
        raise InputError(
            f"hydra.sweep.subdir={subdir}: a sweep's jobs lie in folders by their numbers; leave it out, and"
            " sweep.csv tells what each is"
        )


def _check_is_folder(key: str, folder: str) -> None:
    if Path(folder).exists() and not Path(folder).is_dir():
        raise InputError(f"{key}={folder}: is a file; name a folder")
