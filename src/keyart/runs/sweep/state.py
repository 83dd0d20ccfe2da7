"""Records of a sweep and its jobs in their folders, and the status of a job.

The process that runs a job may be on another machine and die at any moment, so the status is read from the folder
alone. A job has finished when its ``metrics.json`` exists, which is written last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from keyart.errors import InputError
from keyart.utils.files import write_json, write_text
from keyart.utils.former import current_override
from keyart.utils.reading import read_json

Status = Literal["finished", "pruned", "failed", "unfinished", "not started"]
PLAN = "sweep.yaml"
_HYDRA_PLAN = "multirun.yaml"
_FAILURE = "failure.json"
_PRUNED = "pruned.json"


def _read_json(file: Path) -> Any:
    """Return a file's content; None if it is missing or damaged."""
    try:
        return read_json(file)
    except InputError:
        return None


def is_finished(folder: Path) -> bool:
    """Return whether a job's ``metrics.json`` exists and is complete."""
    return _read_json(folder / "metrics.json") is not None


def is_sweep(folder: Path) -> bool:
    """Return whether a folder is that of a sweep: it contains the plan of keyart or of Hydra."""
    return plan_file(folder).is_file()


def plan_file(folder: Path) -> Path:
    """Return the file that records a sweep's command line: that of keyart, else that of Hydra."""
    return folder / PLAN if (folder / PLAN).is_file() else folder / _HYDRA_PLAN


def status_of(folder: Path) -> Status:
    """Return the status of a job; ``unfinished`` if it still runs, was interrupted, or died without a record."""
    if is_finished(folder):
        return "finished"
    if pruned_epoch(folder) is not None:
        return "pruned"
    if (folder / _FAILURE).is_file():
        return "failed"
    return "unfinished" if folder.is_dir() else "not started"


def record_pruned(folder: Path, epoch: int, value: float) -> None:
    """Record after how many epochs a search stopped a job, and the monitor at that time."""
    write_json(folder / _PRUNED, {"epoch": epoch, "value": value})


def pruned_epoch(folder: Path) -> int | None:
    """Return after how many epochs a search stopped a job; None if it did not."""
    content = _read_json(folder / _PRUNED)
    return content.get("epoch") if isinstance(content, dict) else None


def record_failure(folder: Path, error: str) -> None:
    """Record why a job failed."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _FAILURE, {"error": error})


def clear_failure(folder: Path) -> None:
    """Remove the record of an earlier attempt's failure."""
    (folder / _FAILURE).unlink(missing_ok=True)


def failure_of(folder: Path) -> str:
    """Return why a job failed; empty if it did not, or if the reason is unknown."""
    content = _read_json(folder / _FAILURE)
    return str(content.get("error", "")) if isinstance(content, dict) else ""


def recorded_overrides(folder: Path) -> list[str]:
    """Return the overrides that Hydra recorded in a run's folder; none if it recorded none."""
    file = folder / ".hydra" / "overrides.yaml"
    if not file.is_file():
        return []
    try:
        return [current_override(str(override)) for override in yaml.safe_load(file.read_text(encoding="utf-8")) or []]
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())}); remove it") from None


@dataclass(frozen=True)
class Plan:
    """The command line of a sweep.

    Attributes:
        overrides: Overrides of the configuration.
        hydra: Overrides of Hydra's own configuration.
        keys: Swept keys.
        jobs: Overrides of each job of a grid; None for a search, which draws its jobs.
    """

    overrides: tuple[str, ...]
    hydra: tuple[str, ...]
    keys: tuple[str, ...]
    jobs: tuple[tuple[str, ...], ...] | None

    def write(self, folder: Path) -> None:
        """Write the plan into a sweep's folder."""
        text = yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True, width=1000)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / PLAN, text)

    @classmethod
    def read(cls, folder: Path) -> "Plan":
        """Read the plan of a sweep, or what Hydra's own record holds of it.

        Raises:
            InputError: The folder is not a sweep's, or its record cannot be read.
        """
        file = plan_file(folder)
        if not file.is_file():
            raise InputError(f"{folder}: no sweep (it has no {PLAN}); name the folder that train.py -m printed")
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls._from_hydra(content) if file.name == _HYDRA_PLAN else cls._from_own(content)
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            cause = " ".join(str(error).split())
            raise InputError(f"{file}: cannot be read ({cause}); start a new sweep") from None

    @classmethod
    def _from_own(cls, content: Mapping[str, Any]) -> "Plan":
        jobs = content["jobs"]
        overrides, hydra, keys = (_texts(content[name]) for name in ("overrides", "hydra", "keys"))
        return cls(overrides, hydra, keys, None if jobs is None else tuple(_texts(job) for job in jobs))

    @classmethod
    def _from_hydra(cls, content: Mapping[str, Any]) -> "Plan":
        overrides = content["hydra"]["overrides"]
        return cls(_texts(overrides["task"]), _texts(overrides["hydra"]), (), None)


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(current_override(str(value)) for value in values)
