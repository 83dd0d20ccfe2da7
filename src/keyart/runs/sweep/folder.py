"""A sweep read from its folder: its jobs, the swept keys, and the validation metric of each job."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.runs.sweep.state import Plan, Status, failure_of, pruned_epoch, recorded_overrides, status_of
from keyart.utils.former import current_names
from keyart.utils.reading import read_json, read_yaml

Value = str | int | float | bool | None
REPLICATES = ("seed", "data.split_seed")
"""Keys whose values only repeat a setting."""
_NOT_SETTINGS = ("resume", "hydra", "name")


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        number: Number of the job, and the name of its folder.
        folder: The run's folder.
        status: See `status_of`.
        settings: Value of each swept key.
        value: The monitor; None unless finished, or if it is undefined.
        references: Chance, frozen backbone and lift of the monitor, where known.
        trained: The monitor of the trained branch alone; None if it is unknown, or if there is no other branch.
        error: Reason of a failure; empty if there was none.
        pruned_epoch: Number of epochs after which a search stopped the job; None if it did not.
    """

    number: int
    folder: Path
    status: Status
    settings: dict[str, Value]
    value: float | None = None
    references: dict[str, float | None] = field(default_factory=dict)
    trained: float | None = None
    error: str = ""
    pruned_epoch: int | None = None

    @property
    def outcome(self) -> str:
        """The status, with the reason of a failure or the epoch of a pruning."""
        if self.status == "pruned":
            return f"pruned after epoch {self.pruned_epoch}"
        return f"{self.status}: {self.error}" if self.error else self.status

    def setting(self) -> tuple[tuple[str, Value], ...]:
        """Return the settings without `REPLICATES`."""
        return tuple((key, value) for key, value in self.settings.items() if key not in REPLICATES)


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        folder: The sweep's folder.
        monitor: The validation metric by which runs are chosen.
        keys: Swept keys, in the order of the command line.
        jobs: Jobs by number.
        search: Whether a search drew the jobs; otherwise they are a grid.
        config: The resolved configuration of one of the runs; empty if none has begun.
        name: The value of ``name=``; empty if there is none.
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
        """The sweep's name and folder."""
        return " · ".join(filter(None, [self.name, f"sweep {self.folder.name}"]))

    @property
    def finished(self) -> tuple[Job, ...]:
        """The jobs that have finished with a value."""
        return tuple(job for job in self.jobs if job.value is not None)

    @property
    def missing(self) -> tuple[Job, ...]:
        """The jobs that have neither finished nor been pruned."""
        return tuple(job for job in self.jobs if job.status not in ("finished", "pruned"))

    @property
    def complete(self) -> bool:
        """Whether there are jobs and all have finished or been pruned."""
        return bool(self.jobs) and not self.missing


def read_sweep(folder: str | Path) -> Sweep:
    """Read a sweep that has ended or still runs.

    Raises:
        InputError: The folder is not a sweep's, or a file in it cannot be read.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; name the one that train.py -m printed")
    plan = Plan.read(folder)
    overrides = {int(path.name): recorded_overrides(path) for path in folder.glob("*/") if path.name.isdigit()}
    overrides |= dict(enumerate(map(list, plan.jobs or ())))
    settings = {number: _settings(overrides[number]) for number in sorted(overrides)}
    keys = plan.keys or _differing(list(settings.values()))
    config = _config(folder / str(number) for number in settings)
    monitor = str(config.get("monitor") or "val/ndcg@10")
    jobs = tuple(
        _read_job(folder / str(number), {key: one.get(key) for key in keys}, monitor)
        for number, one in settings.items()
    )
    name = "" if "name" in keys else str(_settings(plan.overrides).get("name") or "")
    return Sweep(folder, monitor, keys, jobs, plan.jobs is None, config, name)


def parse_value(text: str) -> Value:
    """Return the value of an override, as Hydra reads a plain one.

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


def _settings(overrides: Iterable[str]) -> dict[str, Value]:
    pairs = (override.partition("=") for override in overrides)
    return {key.lstrip("+~"): parse_value(text) for key, _, text in pairs}


def _differing(jobs: Sequence[dict[str, Value]]) -> tuple[str, ...]:
    """Return the keys whose values differ between jobs, for sweeps that only Hydra recorded."""
    keys = dict.fromkeys(key for job in jobs for key in job if not key.startswith(_NOT_SETTINGS))
    return tuple(key for key in keys if len({repr(job.get(key)) for job in jobs}) > 1)


def _config(jobs: Iterable[Path]) -> dict[str, Any]:
    for job in jobs:
        for file in (job / "config.yaml", job / ".hydra" / "config.yaml"):
            if file.is_file():
                return current_names(read_yaml(file))
    return {}


def _read_job(folder: Path, settings: dict[str, Value], monitor: str) -> Job:
    number, status = int(folder.name), status_of(folder)
    if status != "finished":
        return Job(number, folder, status, settings, error=failure_of(folder), pruned_epoch=pruned_epoch(folder))
    metrics = read_json(folder / "metrics.json")
    references = {name: metrics.get(f"{monitor}/{name}") for name in ("chance", "frozen", "lift")}
    split, _, name = monitor.partition("/")
    trained = metrics.get(f"{split}/branch/learned/{name}")
    return Job(number, folder, status, settings, metrics.get(monitor), references, trained)
