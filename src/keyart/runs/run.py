"""Folder of a finished run: recording of the environment, and access without the training configuration."""

import json
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

import pandas as pd

from keyart.errors import InputError
from keyart.runs.latest import finished_run
from keyart.utils.text import from_csv_cell, printable

if TYPE_CHECKING:
    import torch

    from keyart.models.embedder import Embedder
    from keyart.models.encoder import Encoder

_T = TypeVar("_T")

log = logging.getLogger(__name__)

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
    """Read ``environment.json`` of a run: the result of `describe_environment` when the run began.

    Raises:
        InputError: The file cannot be read.
    """
    file = folder / "environment.json"
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error}); copy the run again") from error
    assert isinstance(loaded, dict)
    return loaded


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
        named = Path(folder).expanduser()
        if (named / "embedder.json").is_file():
            return cls(named.resolve())
        path = finished_run(named)
        if path != named:
            log.warning("%s", printable(f"{folder}: its latest finished run is taken, {path}"))
        if not path.is_dir():
            raise InputError(f"{folder}: there is no such folder; name the folder that train.py printed")
        if not (path / "config.yaml").is_file():
            raise InputError(
                f"{folder}: this is no run's folder (it has no config.yaml); name the one train.py printed"
            )
        if not (path / "embedder").is_dir() or not (path / "metrics.json").is_file():
            raise InputError(f"{folder}: the run has not finished; continue it with python train.py resume={folder}")
        return cls(path.resolve())

    @property
    def embedder_folder(self) -> Path:
        """Folder of the embedder: ``embedder/``, or the folder itself if it holds nothing else."""
        inner = self.folder / "embedder"
        return self.folder if not inner.is_dir() and (self.folder / "embedder.json").is_file() else inner

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        import yaml

        loaded = yaml.safe_load((self.folder / "config.yaml").read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """The flat metrics of ``metrics.json``."""
        loaded = json.loads((self.folder / "metrics.json").read_text(encoding="utf-8"))
        assert isinstance(loaded, dict)
        return loaded

    @cached_property
    def splits(self) -> "pd.Series[str]":
        """Split of each poster, indexed by id."""
        table = pd.read_csv(self.folder / "splits.csv", dtype=str, keep_default_na=False)
        return table.set_index(table["id"].map(from_csv_cell))["split"]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the embedder's input, in pixels."""
        if self.embedder_folder == self.folder:
            return self.embedder.backbone.image_size
        height, width = self.config["data"]["image_size"]
        return int(height), int(width)

    @property
    def precision(self) -> str:
        """The configured precision: ``auto``, ``fp32`` or ``bf16``."""
        return "auto" if self.embedder_folder == self.folder else str(self.config["training"]["precision"])

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
            made: _T = self._made[key]
            return made
