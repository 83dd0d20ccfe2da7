"""Reading of a sweep's folder: jobs, swept keys, and the jobs' validation metrics."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from keyart.errors import InputError
from keyart.runs.sweep.state import Plan, Status, failure_of, is_finished, pruned_epoch, recorded_overrides, status_of

Value = str | int | float | bool | None
REPLICATES = ("seed", "data.split_seed")
"""Keys whose values repeat a setting and are not choices."""
_NOT_SETTINGS = ("resume", "hydra", "name")


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        number: Its number in the sweep, which is also its folder's name.
        folder: The run's folder.
        status: The job's status.
        settings: Value of each swept key.
        value: Value of the monitor; None if the job is not finished or the metric is undefined.
        beside: Chance, frozen backbone and lift of the monitor, where known.
        error: Reason of a failure; empty if it did not fail.
        pruned_after: Number of epochs after which its search stopped it; None if it did not.
    """

    number: int
    folder: Path
    status: Status
    settings: dict[str, Value]
    value: float | None = None
    beside: dict[str, float | None] = field(default_factory=dict)
    error: str = ""
    pruned_after: int | None = None

    @property
    def outcome(self) -> str:
        """The status, with the reason of a failure or the epoch of pruning."""
        if self.status == "pruned":
            return f"pruned after epoch {self.pruned_after}"
        return f"{self.status}: {self.error}" if self.error else self.status

    def setting(self) -> tuple[tuple[str, Value], ...]:
        """Return the settings without the keys that only repeat a setting."""
        return tuple((key, value) for key, value in self.settings.items() if key not in REPLICATES)


@dataclass(frozen=True)
class Sweep:
    """Sweep, as read from its folder.

    Attributes:
        folder: The sweep's folder.
        monitor: The validation metric that ranks the runs.
        keys: The swept keys, in the order of the command line.
        jobs: Jobs by number.
        search: Whether a search sampled the jobs; otherwise they are a grid.
        config: Resolved configuration of one of the runs; empty if none has started.
        name: Value of ``name=``; empty if it was not set.
    """

    folder: Path
    monitor: str
    keys: tuple[str, ...]
    jobs: tuple[Job, ...]
    search: bool
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    name: str = ""

    @property
    def title(self) -> str:
        """Title of the sweep: its name, if it has one, and its folder."""
        return " · ".join(filter(None, [self.name, f"sweep {self.folder.name}"]))

    @property
    def finished(self) -> tuple[Job, ...]:
        """Jobs that are finished and have a value."""
        return tuple(job for job in self.jobs if job.value is not None)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to run: every job is finished or pruned."""
        return bool(self.jobs) and all(job.status in ("finished", "pruned") for job in self.jobs)


def read_sweep(folder: str | Path) -> Sweep:
    """Read a sweep, whether it has ended or is still running.

    Raises:
        InputError: The folder is not a sweep's, or a file in it cannot be read.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name the one that train.py -m printed")
    plan = Plan.read(folder)
    asked = {
        int(path.name): recorded_overrides(path) for path in folder.iterdir() if path.name.isdigit() and path.is_dir()
    }
    if plan.jobs is not None:
        asked = {**asked, **{number: list(job) for number, job in enumerate(plan.jobs)}}
    told = {number: dict(map(_key_and_value, overrides)) for number, overrides in sorted(asked.items())}
    keys = plan.keys or _differing(list(told.values()))
    config = _config(folder, told)
    monitor = str(config.get("monitor") or "val/ndcg@10")
    jobs = tuple(_job(folder, number, {key: told[number].get(key) for key in keys}, monitor) for number in told)
    given = dict(map(_key_and_value, plan.overrides))
    name = "" if "name" in keys else str(given.get("name") or "")
    return Sweep(folder, monitor, keys, jobs, plan.jobs is None, config, name)


def parse_value(text: str) -> Value:
    """Parse the value of an override as Hydra does, for plain values.

    Examples:
        >>> [parse_value(text) for text in ("36", "1e-3", "true", "null", "'a b'", "vit")]
        [36, 0.001, True, None, 'a b', 'vit']
    """
    named: dict[str, Value] = {"true": True, "false": False, "null": None}
    if text.lower() in named:
        return named[text.lower()]
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text.strip("'\"")


def _key_and_value(override: str) -> tuple[str, Value]:
    key, _, text = override.partition("=")
    return key.lstrip("+~"), parse_value(text)


def _differing(jobs: Sequence[dict[str, Value]]) -> tuple[str, ...]:
    """Return the keys whose values differ between jobs, for sweeps without a recorded plan."""
    keys = dict.fromkeys(key for job in jobs for key in job if not key.startswith(_NOT_SETTINGS))
    return tuple(key for key in keys if len({repr(job.get(key)) for job in jobs}) > 1)


def _config(folder: Path, numbers: Sequence[int] | dict[int, Any]) -> dict[str, Any]:
    for number in numbers:
        for file in (folder / str(number) / "config.yaml", folder / str(number) / ".hydra" / "config.yaml"):
            if file.is_file():
                return dict(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    return {}


def _job(sweep: Path, number: int, settings: dict[str, Value], monitor: str) -> Job:
    folder = sweep / str(number)
    status = status_of(folder)
    if not is_finished(folder):
        return Job(number, folder, status, settings, error=failure_of(folder), pruned_after=pruned_epoch(folder))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    beside = {name: metrics.get(f"{monitor}/{name}") for name in ("chance", "frozen", "lift")}
    return Job(number, folder, status, settings, metrics.get(monitor), beside)
