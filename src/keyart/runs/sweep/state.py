"""State of a sweep and its jobs, read from the files in their folders.

The state does not depend on the process that ran a job, which may have run on another machine and crashed without a
message. A job is finished if its ``metrics.json`` exists, because that file is written last.
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
    """Return whether a job is finished; a ``metrics.json`` that a crash left incomplete does not count."""
    try:
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is a sweep's: it holds a record of the sweep by keyart or Hydra."""
    return record_of(folder).is_file()


def record_of(folder: Path) -> Path:
    """Return the path of the file that records a sweep's overrides: keyart's, or else Hydra's."""
    return folder / PLAN if (folder / PLAN).is_file() else folder / _HYDRAS


def status_of(folder: Path) -> Status:
    """Return the status of the job in a folder.

    ``unfinished`` means that the job is still running, was interrupted, or crashed without a message.
    """
    if is_finished(folder):
        return "finished"
    if is_pruned(folder):
        return "pruned"
    if (folder / _FAILURE).is_file():
        return "failed"
    return "unfinished" if folder.is_dir() else "not started"


def record_pruned(folder: Path, epoch: int, value: float) -> None:
    """Record that a search stopped a job: the number of epochs, and the monitor's value."""
    write_json(folder / _PRUNED, {"epoch": epoch, "value": value})


def is_pruned(folder: Path) -> bool:
    """Return whether a search stopped the job in a folder."""
    return pruned_epoch(folder) is not None


def pruned_epoch(folder: Path) -> int | None:
    """Return the number of epochs after which a search stopped a job; None if it did not."""
    try:
        return int(json.loads((folder / _PRUNED).read_text(encoding="utf-8"))["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_failure(folder: Path, error: str) -> None:
    """Record why a job failed; tables show the first line."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _FAILURE, {"error": error})


def forget_failure(folder: Path) -> None:
    """Remove the record of a failure, before a new attempt."""
    (folder / _FAILURE).unlink(missing_ok=True)


def failure_of(folder: Path) -> str:
    """Return why a job failed; empty if it did not fail, or if the reason is unknown."""
    try:
        return str(json.loads((folder / _FAILURE).read_text(encoding="utf-8"))["error"])
    except (OSError, ValueError, KeyError):
        return ""


def recorded_overrides(folder: Path) -> list[str]:
    """Return the overrides that Hydra recorded in a run's folder; empty if there is no record.

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
    """Recorded request of a sweep.

    Attributes:
        overrides: Overrides of the configuration, as on the command line.
        hydra: Overrides of Hydra's own configuration.
        keys: The swept keys.
        jobs: The overrides of each job of a grid; None for a search, whose jobs are not known in advance.
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
        """Read the plan of a sweep, or the part of it that Hydra's own record holds.

        Raises:
            InputError: The folder is not a sweep's, or its record cannot be read.
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
