"""Checking a sweep before its first job: every job of a grid, the bounds of a search, launcher, sweeper and posters."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from onesheet.config.compose import CONFIG_FOLDER, Composer, check_additions, compose_all
from onesheet.config.data_check import check_tables
from onesheet.config.folders import check_sweep_folder, named_folder
from onesheet.config.grid import corners, expand, parse, with_params
from onesheet.config.launcher_rules import check_launcher, check_slurm
from onesheet.config.plugins import check_installed, check_plugins
from onesheet.config.rules import check_config
from onesheet.errors import InputError

_INTERVALS_NEED = "an interval needs a search; take hydra/sweeper=optuna, or name the values"


def check_multirun(overrides: list[str], config_folder: Path = CONFIG_FOLDER, *, resumes: bool = False) -> None:
    """Check a command line that asks for a sweep.

    Args:
        overrides: What is swept, and the rest.
        config_folder: The folder of the configuration.
        resumes: Whether the sweep's folder may hold a sweep already.

    Raises:
        InputError: Some job could not run, or launcher, sweeper or posters are not there.
        HydraException: An override cannot be read.
    """
    for override in overrides:
        if override.startswith(("hydra/launcher=", "hydra/sweeper=")):
            check_installed(*override.split("=", 1))
    check_launcher(overrides, multirun=True)
    loader = compose_all([], config_folder)[1] if any("glob(" in override for override in overrides) else None
    first = compose_all(expand(overrides, loader)[0], config_folder)[0]
    hydra = hydras_own(first)
    check_plugins(hydra, hydra["choices"])
    check_sweep_folder(hydra["sweep_dir"], resumes=resumes)
    asked = with_params(overrides, hydra["sweeper"].get("params"))
    check_additions([o for o in asked if not o.lstrip("+~").startswith(("hydra.", "hydra/"))], config_folder)
    swept = [o for o in parse(asked, loader) if o.is_sweep_override()]
    search = "optuna" in hydra["sweeper"]["_target_"].lower()
    if not search:
        for one in swept:
            if one.is_interval_sweep():
                raise InputError(f"{one.input_line}: {_INTERVALS_NEED}")
    plain = [o.key_or_group for o in swept if o.package is None and not (config_folder / o.key_or_group).is_dir()]
    composer = Composer(plain, config_folder)
    jobs = []
    for job in corners(asked, loader, search=search):
        config = composer.job(job)
        check_config(config)
        jobs.append(config)
    check_tables(jobs)
    check_slurm(overrides, jobs, config_folder)


def hydras_own(config: DictConfig) -> dict[str, Any]:
    """What matters of Hydra's configuration: launcher, sweeper, which options were chosen, the sweep's folder."""
    hydra = config.hydra
    found: dict[str, Any] = {}
    for name in ("launcher", "sweeper"):
        content = OmegaConf.to_container(hydra[name], resolve=False)
        assert isinstance(content, dict)
        # Where SLURM's jobs or a study lie is named after the time: only what is told here and now is looked at.
        found[name] = {str(key): _known(hydra[name], str(key), value) for key, value in content.items()}
    found["choices"] = OmegaConf.to_container(hydra.runtime.choices)
    found["sweep_dir"] = named_folder(hydra.sweep)
    return found


def _known(node: DictConfig, key: str, written: Any) -> Any:
    """A value of Hydra's own, resolved where it is an interpolation that can be."""
    if not (isinstance(written, str) and "${" in written):
        return written
    try:
        return OmegaConf.select(node, key)
    except OmegaConfBaseException:
        return written
