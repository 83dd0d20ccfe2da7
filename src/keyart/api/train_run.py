"""Training from Python, with the configuration, the checks and the errors of the command line."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from keyart.api.run import PathLike, Run
from keyart.errors import InputError

if TYPE_CHECKING:
    from omegaconf import DictConfig


def train(
    *overrides: str, catalogue: PathLike | None = None, images: PathLike | None = None, folder: PathLike | None = None
) -> Run:
    """Train one run, as ``python train.py`` does.

    The run's log goes to standard error and into its folder. Training seeds the random numbers of this process, and
    uses as many processes and GPUs as ``trainer`` says. A Ctrl-C saves what was trained;
    ``keyart.train("resume=<folder>")`` continues from there.

    Args:
        overrides: Settings, as on the command line: ``"experiment=head"``, ``"loss.margin=36"``.
        catalogue: The table of posters: ``data.catalogue``. It implies ``data=posters``.
        images: The folder of its images: ``data.images``.
        folder: The run's folder; None for a new one, ``outputs/<name>/<time>``.

    Returns:
        The finished run.

    Raises:
        InputError: A setting or the data is invalid; nothing is left behind.
        TrainingInterrupted: A signal or Ctrl-C stopped the training.

    Examples:
        >>> train("loss=anglar")
        Traceback (most recent call last):
        ...
        keyart.errors.InputError: loss=anglar: ...
    """
    from keyart.config import preflight
    from keyart.config.compose import CONFIG_FOLDER
    from keyart.config.preflight import asks_multirun
    from keyart.config.quoting import quote

    paths = {"data.catalogue": catalogue, "data.images": images, "hydra.run.dir": folder}
    given = list(overrides)
    if catalogue is not None and not any(one.startswith("data=") for one in given):
        given.insert(0, "data=posters")
    given += [f"{key}={quote(str(path), literal=True)}" for key, path in paths.items() if path is not None]
    checked = preflight(given)
    if any(one.startswith("-") for one in checked) or asks_multirun(checked, CONFIG_FOLDER):
        raise InputError("train: trains one run; start a sweep by python train.py -m")
    return Run.open(_train(checked))


def _train(overrides: list[str]) -> Path:
    """Run Hydra's job in this process and return the run's folder."""
    from hydra import version
    from hydra._internal.hydra import Hydra
    from hydra._internal.utils import create_config_search_path
    from hydra.core.hydra_config import HydraConfig

    from keyart.config.compose import CONFIG_FOLDER
    from keyart.launch.run_job import train_job

    folders: list[Path] = []
    refusals: list[Exception] = []

    def job(config: "DictConfig") -> None:
        folders.append(Path(HydraConfig.get().runtime.output_dir))
        try:
            train_job(config)
        except Exception as error:  # Hydra would print its own report on it
            refusals.append(error)

    with _state_kept():
        version.setbase("1.3")
        hydra = Hydra.create_main_hydra2("train", create_config_search_path(str(CONFIG_FOLDER)))
        try:
            hydra.run("train", job, overrides)
        except SystemExit as stop:  # a callback's only way to end Hydra
            raise stop.__cause__ or stop from None
    if refusals:
        raise refusals[0]
    return folders[0]


@contextmanager
def _state_kept() -> Iterator[None]:
    """Restore this process's Hydra and logging, which a job replaces."""
    from hydra.core.global_hydra import GlobalHydra

    root = logging.getLogger()
    hydra, handlers, level = GlobalHydra.instance().hydra, root.handlers[:], root.level
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().clear()
        if hydra is not None:
            GlobalHydra.instance().initialize(hydra)
        for handler in set(root.handlers).difference(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
