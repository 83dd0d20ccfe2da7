"""What a sweep and its jobs leave in their folders, and what became of a job.

Nothing is known from the process that ran a job: it may have run on another machine and died without a word. A job
has finished when its ``metrics.json`` is there, which is written last.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from keyart.errors import InputError
from keyart.utils.files import write_json

Status = Literal["finished", "pruned", "failed", "unfinished", "not started"]
PLAN = "sweep.yaml"
_HYDRAS = "multirun.yaml"
_FAILURE = "failure.json"
_PRUNED = "pruned.json"


def is_finished(folder: Path) -> bool:
    """Whether a job has done all that it had to do; what a crash has left of its ``metrics.json`` does not count."""
    try:
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def is_sweep(folder: Path) -> bool:
    """Whether a folder is a sweep's: Hydra or keyart has noted there what was asked for."""
    return record_of(folder).is_file()


def record_of(folder: Path) -> Path:
    """The file that says what a sweep was asked for: ours, else Hydra's."""
    return folder / PLAN if (folder / PLAN).is_file() else folder / _HYDRAS


def status_of(folder: Path) -> Status:
    """What became of the job of a folder; ``unfinished``: it still runs, was cut short, or died without a word."""
    if is_finished(folder):
        return "finished"
    if is_pruned(folder):
        return "pruned"
    if (folder / _FAILURE).is_file():
        return "failed"
    return "unfinished" if folder.is_dir() else "not started"


def record_pruned(folder: Path, epoch: int, value: float) -> None:
    """Record that a search stopped a job: after how many epochs, and at which value of the monitor."""
    write_json(folder / _PRUNED, {"epoch": epoch, "value": value})


def is_pruned(folder: Path) -> bool:
    """Whether a search stopped the job of a folder."""
    return pruned_epoch(folder) is not None


def pruned_epoch(folder: Path) -> int | None:
    """Return after how many epochs a search stopped a job; None where it did not."""
    try:
        return int(json.loads((folder / _PRUNED).read_text(encoding="utf-8"))["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_failure(folder: Path, error: str) -> None:
    """Note why a job failed; the first line is what tables tell."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _FAILURE, {"error": error})


def forget_failure(folder: Path) -> None:
    """Begin anew: an earlier attempt's failure no longer tells."""
    (folder / _FAILURE).unlink(missing_ok=True)


def failure_of(folder: Path) -> str:
    """Why a job failed; empty where it did not, or where nothing is known."""
    try:
        return str(json.loads((folder / _FAILURE).read_text(encoding="utf-8"))["error"])
    except (OSError, ValueError, KeyError):
        return ""


def recorded_overrides(folder: Path) -> list[str]:
    """The overrides that Hydra recorded in a run's folder; none where it did not come to that.

    Raises:
        InputError: The record cannot be read.
    """
    file = folder / ".hydra" / "overrides.yaml"
    if not file.is_file():
        return []
    try:
        return [str(override) for override in yaml.safe_load(file.read_text(encoding="utf-8")) or []]
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())}); remove it") from None


@dataclass(frozen=True)
class Plan:
    """What a sweep was asked for.

    Attributes:
        overrides: Of the configuration, as they stood on the command line.
        hydra: Of Hydra's own configuration.
        keys: What is swept.
        jobs: The overrides of each job of a grid; None for a search, whose jobs are not known beforehand.
    """

    overrides: tuple[str, ...]
    hydra: tuple[str, ...]
    keys: tuple[str, ...]
    jobs: tuple[tuple[str, ...], ...] | None

    def write(self, folder: Path) -> None:
        """Write the plan into a sweep's folder."""
        content: dict[str, Any] = {
            "overrides": list(self.overrides),
            "hydra": list(self.hydra),
            "keys": list(self.keys),
            "jobs": None if self.jobs is None else [list(job) for job in self.jobs],
        }
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{PLAN}"
        draft.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000), encoding="utf-8")
        draft.replace(folder / PLAN)

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """Read the plan of a sweep, or as much of it as Hydra's own record tells.

        Raises:
            InputError: The folder is no sweep's, or its record cannot be read.
        """
        for name in (PLAN, _HYDRAS):
            file = folder / name
            if not file.is_file():
                continue
            try:
                content = yaml.safe_load(file.read_text(encoding="utf-8"))
                return cls._own(content) if name == PLAN else cls._hydras(content)
            except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
                told = " ".join(str(error).split())
                raise InputError(f"{file}: cannot be read ({told}); start a new sweep") from None
        raise InputError(f"{folder}: is no sweep's folder (it has no {PLAN}); name the one that train.py -m printed")

    @classmethod
    def _own(cls, content: Mapping[str, Any]) -> "Plan":
        jobs = content["jobs"]
        told = None if jobs is None else tuple(_texts(job) for job in jobs)
        return cls(_texts(content["overrides"]), _texts(content["hydra"]), _texts(content["keys"]), told)

    @classmethod
    def _hydras(cls, content: Mapping[str, Any]) -> "Plan":
        given = content["hydra"]["overrides"]
        return cls(_texts(given["task"]), _texts(given["hydra"]), (), None)


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)
