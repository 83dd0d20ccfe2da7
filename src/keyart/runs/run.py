"""Folder of a finished run: recording of the environment, and access without the training configuration."""

import io
import logging
import platform
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from keyart.errors import InputError
from keyart.runs.latest import finished_run
from keyart.utils.former import current_names
from keyart.utils.paths import user_path
from keyart.utils.program import train_command
from keyart.utils.reading import COPY_AGAIN, faults_of, read_bytes, read_frame, read_json, read_yaml
from keyart.utils.text import from_csv_cell, printable

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from keyart.models.embedder import Embedder
    from keyart.models.encoder import Encoder

_T = TypeVar("_T")

log = logging.getLogger(__name__)
MOST_SIDE = 8192
"""Maximum length of the embedder's input in pixels."""

PACKAGES = ("keyart", "torch", "torchvision", "lightning", "timm", "torchmetrics", "faiss-cpu", "numpy", "pandas")


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and cleanliness of the git working tree that contains ``folder``; None if there is none."""
    try:
        ask = ["git", "-C", str(folder)]
        commit = subprocess.run([*ask, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        status = subprocess.run([*ask, "status", "--porcelain"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(status.stdout.strip())}


def describe_environment(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is needed to reproduce the run: versions, git state, device and dataset."""
    import torch

    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    cuda = torch.cuda.is_available()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "git": git_state(Path(__file__).parent),
        "device": torch.cuda.get_device_name(0) if cuda else platform.processor() or platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "dataset": dict(dataset),
    }


def read_environment(folder: Path) -> dict[str, Any]:
    """Read ``environment.json`` of a run: the result of `describe_environment` when the run began."""
    return read_json(folder / "environment.json")


@dataclass(frozen=True)
class Run:
    """Finished run, read from its folder.

    Args:
        folder: The run's folder.
    """

    folder: Path
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False, compare=False)
    _made: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a finished run.

        Args:
            folder: The run's folder, or a folder that holds the runs of one name, such as ``outputs/head``: then the
                latest finished run is opened and a warning names it. Or the folder of an embedder alone, which has
                no index, no metrics and no posters of its own.

        Raises:
            InputError: The folder does not exist, is not a run's folder, or the run is not finished.
        """
        named = user_path(folder)
        if (named / "embedder.json").is_file():
            return cls(named.resolve())
        path = finished_run(named)
        if path != named:
            log.warning("%s", printable(f"{folder}: its latest finished run is used, {path}"))
        if not path.is_dir():
            raise InputError(f"{folder}: there is no such folder; name the folder that train.py printed")
        if not (path / "config.yaml").is_file():
            raise InputError(
                f"{folder}: this is not a run's folder (it has no config.yaml); name the one that train.py printed"
            )
        if not (path / "embedder").is_dir() or not (path / "metrics.json").is_file():
            raise InputError(f"{folder}: the run has not finished; continue it with {train_command()} resume={folder}")
        return cls(path.resolve())

    @property
    def embedder_folder(self) -> Path:
        """Folder of the embedder: ``embedder/``, or the folder itself if it holds nothing else."""
        inner = self.folder / "embedder"
        return self.folder if not inner.is_dir() and (self.folder / "embedder.json").is_file() else inner

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return current_names(read_yaml(self.folder / "config.yaml", {"data": dict}))

    def setting(self, group: str, key: str) -> Any:
        """Return a value of the configuration.

        Raises:
            InputError: The configuration does not have it.
        """
        with faults_of(self.folder / "config.yaml", COPY_AGAIN):
            return self.config[group][key]

    def dataset_entry(self, key: str) -> str:
        """Return a text of `dataset`.

        Raises:
            InputError: ``environment.json`` does not have it.
        """
        with faults_of(self.folder / "environment.json", COPY_AGAIN):
            return str(self.dataset[key])

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """The flat metrics of ``metrics.json``."""
        file = self.folder / "metrics.json"
        loaded = read_json(file)
        with faults_of(file, COPY_AGAIN):
            if wrong := [key for key, value in loaded.items() if not isinstance(value, int | float | None)]:
                raise ValueError(f"{wrong[0]} is no number")
        return loaded

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """The posters of the run in ``environment.json``: ``catalogue``, ``images``, ``fingerprint``, sizes."""
        file = self.folder / "environment.json"
        found: dict[str, Any] = read_json(file, {"dataset": dict})["dataset"]
        return found

    @cached_property
    def splits(self) -> "pd.Series[str]":
        """Split of each poster, indexed by id."""
        import pandas as pd

        file = self.folder / "splits.csv"
        table = read_frame(
            file,
            lambda path: pd.read_csv(io.BytesIO(read_bytes(path)), dtype=str, keep_default_na=False),
            ["id", "split"],
        )
        with faults_of(file, COPY_AGAIN):
            if len(table) != self.dataset.get("posters", len(table)):
                raise ValueError(f"it has {len(table):,} posters, and the run {self.dataset['posters']:,}")
            if wrong := set(table["split"]) - {"train", "val", "test"}:
                raise ValueError(f"it names a split {min(wrong)[:40]!r}")
            splits = table.set_index(table["id"].map(from_csv_cell))["split"]
            if not splits.index.is_unique:
                raise ValueError(f"it names {splits.index[splits.index.duplicated()][0]} twice")
        return splits

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the embedder's input, in pixels."""
        if self.embedder_folder == self.folder:
            return self.embedder.backbone.image_size
        size = self.setting("data", "image_size")
        with faults_of(self.folder / "config.yaml", COPY_AGAIN):
            height, width = map(int, size)
            if not (0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE):
                raise ValueError(f"data.image_size is {size}")
        return height, width

    @property
    def precision(self) -> str:
        """The configured precision: ``auto``, ``fp32`` or ``bf16``."""
        return "auto" if self.embedder_folder == self.folder else str(self.setting("training", "precision"))

    @property
    def embedder(self) -> "Embedder":
        """The trained embedder, in evaluation mode on the CPU; it is loaded once."""
        from keyart.models.embedder import load_embedder

        return self._once("embedder", lambda: load_embedder(self.embedder_folder))

    def encoder(self, device: "str | torch.device | None" = None, precision: str | None = None) -> "Encoder":
        """Return the embedder as it computes fastest on a device; each is built once, also for several threads.

        Args:
            device: None for CUDA if available, else the CPU.
            precision: ``fp32``, ``bf16`` or ``auto``; None for the run's own, but float32 on a CPU if that is ``auto``.
        """
        from keyart.models.encoder import Encoder, default_device

        where = default_device(device)
        own = self.precision
        chosen = precision or ("fp32" if own == "auto" and where.type == "cpu" else own)
        return self._once(("encoder", str(where), chosen), lambda: Encoder(self.embedder, where, chosen))

    def _once(self, key: object, make: Callable[[], _T]) -> _T:
        """Return what ``make`` returned for this key the first time."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            created: _T = self._made[key]
            return created
