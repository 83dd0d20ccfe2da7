"""Check of a sweep before its first job: all jobs of a grid, the bounds of a search, launcher, sweeper and data."""

from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from keyart.config.compose import CONFIG_FOLDER, Composer, check_additions, compose_all
from keyart.config.data_rules import check_tables
from keyart.config.launcher_rules import check_programs, check_slurm
from keyart.config.output_folders import check_job_folders, check_sweep_folder, named_folder
from keyart.config.plugin_rules import check_installed, check_plugins, check_search
from keyart.config.rules import check_config
from keyart.config.sweep_grid import covering_jobs, expand, parse, values_of, with_params
from keyart.errors import InputError
from keyart.launch.slurm.job import uses_slurm

_INTERVALS_NEED = "an interval needs a search; take hydra/sweeper=optuna, or name the values"


def check_multirun(overrides: list[str], config_folder: Path = CONFIG_FOLDER, *, resumes: bool = False) -> None:
    """Check a command line for a sweep.

    Args:
        overrides: All overrides, swept or not.
        config_folder: The folder of the configuration.
        resumes: Whether the sweep's folder may already have a sweep.

    Raises:
        InputError: A job could not run, or the launcher, the sweeper or the posters are not available.
        HydraException: An override cannot be read.
    """
    for override in overrides:
        if override.startswith(("hydra/launcher=", "hydra/sweeper=")):
            check_installed(*override.split("=", 1))
    loader = compose_all([], config_folder)[1] if any("glob(" in override for override in overrides) else None
    base = base_config(overrides, config_folder, loader)
    hydra = hydra_settings(base)
    check_plugins(hydra, hydra["choices"])
    launcher, target = str(hydra["choices"].get("hydra/launcher")), str(hydra["launcher"]["_target_"])
    check_programs(launcher, target)
    check_sweep_folder(hydra["sweep_dir"], resumes=resumes)
    check_job_folders(hydra["subdir"])
    asked = with_params(overrides, hydra["sweeper"].get("params"))
    swept = [o for o in parse(asked, loader) if o.is_sweep_override()]
    search = hydra["sweeper"]["_target_"].endswith(".OptunaSearch")
    if search:
        check_search(base.hydra.sweeper, hydra["sweep_dir"])
    if not search:
        for one in swept:
            if one.is_interval_sweep():
                raise InputError(f"{one.input_line}: {_INTERVALS_NEED}")
    plain = [o.key_or_group for o in swept if o.package is None and not (config_folder / o.key_or_group).is_dir()]
    composer = Composer(plain, config_folder)
    lines = list(covering_jobs(asked, loader, search=search))
    check_additions(lines, config_folder)
    jobs = []
    for line in lines:
        config = composer.job(line)
        check_config(config, here=not uses_slurm(target))
        jobs.append(config)
    check_tables(jobs)
    if uses_slurm(target):
        check_slurm(launcher, base.hydra.launcher, jobs)


def base_config(overrides: list[str], config_folder: Path, loader: ConfigLoader | None) -> DictConfig:
    """Compose the configuration of a sweep before its jobs: without swept keys, with launcher and sweeper."""
    fixed = []
    for override in parse(overrides, loader):
        assert override.input_line is not None
        if not override.is_sweep_override():
            fixed.append(override.input_line)
        elif override.is_hydra_override():
            raise InputError(
                f"{override.input_line}: Hydra's own keys take one value a sweep; start a sweep for each value"
            )
        elif not values_of(override):
            raise InputError(f"{override.input_line}: there is no value of this kind; name at least one")
    try:
        return compose_all(fixed, config_folder)[0]
    except InputError as error:
        compose_all(expand(overrides, loader)[0], config_folder)
        written = str(error).partition(": ")[0]
        raise InputError(
            f"{written}: Hydra requires that every choice of the sweep has the key; write ++{written}"
        ) from None


def hydra_settings(config: DictConfig) -> dict[str, Any]:
    """Return the relevant part of Hydra's configuration: launcher, sweeper, chosen options and the sweep's folder."""
    hydra = config.hydra
    found: dict[str, Any] = {}
    for name in ("launcher", "sweeper"):
        content = OmegaConf.to_container(hydra[name], resolve=False)
        assert isinstance(content, dict)
        # The folders of SLURM's jobs and of a study contain the time, so only values that resolve now are resolved.
        found[name] = {str(key): _known(hydra[name], str(key), value) for key, value in content.items()}
    found["choices"] = OmegaConf.to_container(hydra.runtime.choices)
    found["sweep_dir"] = named_folder(hydra.sweep)
    found["subdir"] = str(OmegaConf.to_container(hydra.sweep, resolve=False)["subdir"])  # type: ignore[call-overload, index]
    return found


def _known(node: DictConfig, key: str, written: Any) -> Any:
    """Return a value of Hydra's configuration; an interpolation is resolved if that is possible."""
    if not (isinstance(written, str) and "${" in written):
        return written
    try:
        return OmegaConf.select(node, key)
    except OmegaConfBaseException:
        return written
