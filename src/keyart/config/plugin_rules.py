"""Checks that the launcher and the sweeper of a command line can run on this machine."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from keyart.config.rules import Rule, integer, one_of, show
from keyart.errors import InputError

#: Part of the name of a launcher or sweeper, the module that it needs, and the extra that installs it.
NEEDS = (
    ("optuna", "optuna", "sweep"),
    ("slurm", "hydra_plugins.hydra_submitit_launcher", "slurm"),
    ("submitit", "hydra_plugins.hydra_submitit_launcher", "slurm"),
)

#: Rules for the presets' own keys.
_RULES: dict[str, dict[str, Rule]] = {
    "LocalLauncher": {"launcher.jobs": integer(1), "launcher.threads": integer(1, optional=True)},
    "OptunaSearch": {
        "sweeper.n_trials": integer(1),
        "sweeper.n_jobs": integer(1),
        "sweeper.patience": integer(1),
        "sweeper.direction": one_of("maximize", "minimize"),
    },
}


def installed(module: str) -> bool:
    """Check whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def missing_extra(name: str) -> str | None:
    """Return the missing extra that a launcher or sweeper needs; None if nothing is missing."""
    for word, module, extra in NEEDS:
        if word in name.lower() and not installed(module):
            return extra
    return None


def check_installed(key: str, name: str) -> None:
    """Check that a launcher or sweeper is installed."""
    if name == "optuna" and installed("hydra_plugins.hydra_optuna_sweeper"):
        # Hydra would use that package's entry of the same name as the schema of the file in ``conf/``.
        raise InputError(f"{key}={name}: the package hydra-optuna-sweeper has the same name; uninstall it")
    extra = missing_extra(name)
    if extra is not None:
        shown = name.rpartition(".")[2]
        raise InputError(f"{key}={shown}: its package is not installed; pip install -e '.[{extra}]'")


def check_search(sweeper: DictConfig, folder: str | None) -> None:
    """Check the sampler, the pruner and, for a resumed sweep, the study of a search."""
    from hydra.errors import HydraException
    from hydra.utils import instantiate

    for name in ("sampler", "pruner"):
        try:
            if sweeper.get(name) is not None:
                instantiate(sweeper[name])
        except (HydraException, TypeError, ValueError) as error:
            cause = " ".join(str(error.__cause__ or error).split())
            target = sweeper[name].get("_target_")
            raise InputError(f"hydra.sweeper.{name}._target_={target}: cannot be built ({cause})") from None
    storage = str(sweeper["storage"])
    if folder is None or "://" in storage or Path(storage).is_file():
        return
    if any(path.name.isdigit() for path in Path(folder).glob("*/")):
        raise InputError(
            f"{folder}: there are jobs and no {Path(storage).name} (earlier versions kept a study.db, which is no"
            " longer read); start a new sweep"
        )


def check_plugins(hydra: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Check the launcher and the sweeper of a sweep."""
    for kind in ("launcher", "sweeper"):
        key, target = f"hydra/{kind}", str((hydra.get(kind) or {}).get("_target_", ""))
        name = str(choices.get(key) or target)
        for summary in (name, target):
            check_installed(key, summary)
        for dotted, rule in _RULES.get(target.rpartition(".")[2], {}).items():
            value = hydra[kind].get(dotted.partition(".")[2], "missing")
            requested = None if value == "missing" else rule(value)
            if requested is not None:
                raise InputError(f"hydra.{dotted}={show(value)}: hydra.{dotted} takes {requested}")
