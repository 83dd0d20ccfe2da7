"""Translation of common shorthand overrides into the keys of conf/.

Shorthand is ``logger.mode`` with one logger, any argument of ``lightning.Trainer`` under ``trainer.``, ``model.head``
for the group ``head``, any loss under ``loss.weights`` and ``loss.terms`` of a sum, and a group or key that is set to
``null`` or deleted with ``~``.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException
from omegaconf import OmegaConf

from keyart.config.compose import CONFIG_FOLDER, compose_all, is_search_path
from keyart.config.rules import RULES, show
from keyart.config.sweep_grid import parse, values_of
from keyart.config.yaml_files import read_yaml
from keyart.errors import InputError
from keyart.training.trainer_arguments import INSTEAD, trainer_arguments
from keyart.utils.former import current_override

#: Meaning of a group or key that is set to null or deleted; all other groups and keys are required.
NULLS = {
    "augment": "augment=none",
    "callbacks.early_stopping": "callbacks.early_stopping.patience=null",
    "debug": None,
    "experiment": "experiment=plain",
    "logger": "logger=csv",
    "loss.margin_schedule": "loss.margin_schedule.kind=constant",
    "memory": "memory.size=0",
    "miner": "miner=none",
    "model.kernel": "model.kernel.weight=0",
    "model.frozen_features": "model.frozen_features.balance=0",
}


def expand_shorthand(
    overrides: Sequence[str], config_folder: Path = CONFIG_FOLDER, *, before: Sequence[str] = ()
) -> list[str]:
    """Translate overrides into the keys of conf/; overrides that need no translation remain unchanged.

    Args:
        overrides: Overrides of the command line.
        config_folder: The folder of the configuration.
        before: Other overrides that apply too, of a run or sweep to resume. They are not composed, because they have
            not been checked yet.
    """
    overrides = [current_override(override, warn=True) for override in overrides]
    found: list[str] = []
    for written in overrides:
        try:
            (one,) = parse([written])
        except HydraException:
            # Hydra reports the error when the whole configuration is composed.
            found.append(written)
            continue
        key = one.key_or_group
        if one.package is None and key.startswith("logger."):
            written = _of_logger(written, key, before, overrides, config_folder)
        elif one.package is None and key.startswith("trainer."):
            written = _of_trainer(written, key, config_folder)
        elif one.package is None and key == "model.head" and _are_options(one, "head", config_folder):
            written = written.lstrip("+").replace("model.head", "head", 1)
        elif one.package is None and key.startswith(("loss.weights.", "loss.terms.")):
            *terms, written = _of_sum(written, key, list(dict.fromkeys([*overrides, *found])), config_folder)
            found += terms
        found += _without_null(written, overrides, config_folder)
    return found


def options_of(group: str, config_folder: Path = CONFIG_FOLDER) -> list[str]:
    """Return the options of a config group, in alphabetical order."""
    return sorted(file.stem for file in (config_folder / group).glob("*.yaml"))


def _are_options(one: Override, group: str, config_folder: Path) -> bool:
    """Check whether the values of an override are options of a group; a value that is none of them has no file."""
    return {value.partition("=")[2] for value in values_of(one)} <= {*options_of(group, config_folder)}


def _is_group(key: str, config_folder: Path) -> bool:
    return "." not in key and (key.startswith("hydra/") or (key != "hydra" and (config_folder / key).is_dir()))


def _is_null(one: Override) -> bool:
    return one.is_delete() or (not one.is_sweep_override() and one.value() is None)


def _is_glob(one: Override) -> bool:
    """Check whether an override chooses by a pattern; reading it needs Hydra's search path, and it never means null."""
    return isinstance(one._value, Glob)


def _groups_only(overrides: Sequence[str], config_folder: Path) -> list[str]:
    """Return the overrides that choose an option, with the first value of a sweep; without deletions and globs."""
    chosen = []
    for written in overrides:
        try:
            (one,) = parse([written])
        except HydraException:
            continue
        is_option = is_search_path(written) or _is_group(one.key_or_group, config_folder)
        if is_option and not _is_null(one) and not _is_glob(one):
            chosen.append(values_of(one)[0] if one.is_discrete_sweep() else written)
    return chosen


def _of_logger(written: str, key: str, before: Sequence[str], overrides: Sequence[str], config_folder: Path) -> str:
    """Return ``logger.<key>`` as ``logger.<name>.<key>``, if exactly one logger is chosen."""
    rest = key.removeprefix("logger.")
    if rest.partition(".")[0] in options_of("logger", config_folder):
        return written
    chosen = [name for name in _chosen_loggers(before, overrides, config_folder) if name != "csv"]
    if not chosen:
        raise InputError(f"{written}: metrics.csv has no keys; choose a logger too, such as logger=wandb")
    if len(chosen) > 1:
        forms = " or ".join(f"logger.{name}.{rest}" for name in chosen)
        raise InputError(f"{written}: several loggers are chosen; write {forms}")
    return written.replace(key, f"logger.{chosen[0]}.{rest}", 1)


def _chosen_loggers(before: Sequence[str], overrides: Sequence[str], config_folder: Path) -> list[str]:
    """Return the names of the loggers that are chosen in any job of a sweep."""
    named = [[one for one in some if re.match(r"\+*logger=", one)] for some in (before, overrides)]
    found: list[str] = []
    # Overrides of the command line replace earlier ones.
    for written in named[1] or named[0]:
        # The value is one name, a list, or a sweep of both.
        found += re.findall(r"[A-Za-z_]\w*", written.partition("=")[2].replace("choice(", ""))
    if not found:
        config = _composed(tuple(_groups_only(overrides, config_folder)), config_folder)
        found = [str(name) for name in config.get("logger") or {}]
    return [name for name in dict.fromkeys(found) if name != "null"]


def _of_trainer(written: str, key: str, config_folder: Path) -> str:
    """Return ``trainer.<argument>`` in the form that Hydra accepts, with or without ``+``, in conf/ or not."""
    name, signs = key.removeprefix("trainer."), re.match(r"[+~]*", written)
    assert signs is not None
    if signs[0] == "~" or name in _trainer_keys(config_folder):
        return written if signs[0] == "~" else written.lstrip("+")
    if name in INSTEAD and name in trainer_arguments():
        raise InputError(f"{written}: keyart sets this argument of lightning.Trainer itself; {INSTEAD[name]}")
    return f"++{written.lstrip('+')}" if name in trainer_arguments() else written


def _of_sum(written: str, key: str, overrides: Sequence[str], config_folder: Path) -> list[str]:
    """Return ``loss.weights.<loss>`` or ``loss.terms.<loss>.…`` after the override that adds this loss to the sum."""
    loss = _composed(tuple(_groups_only(overrides, config_folder)), config_folder)["loss"]
    name = key.split(".")[2]
    if "terms" not in loss:
        return [written]
    losses, added = options_of("loss", config_folder), name not in loss["terms"]
    if added and name not in losses:
        raise InputError(f"{written}: there is no loss {name}; choose one of {', '.join(losses)}")
    if key.startswith("loss.weights.") and name not in loss["weights"]:
        written = f"++{written.lstrip('+')}"
    return [f"+loss@loss.terms.{name}={name}", written] if added else [written]


def _trainer_keys(config_folder: Path) -> set[str]:
    """Return the keys of ``trainer`` in conf/."""
    whole = read_yaml(config_folder / "train.yaml")
    keys = set(whole.get("trainer") or {})
    for file in (config_folder / "trainer").glob("*.yaml"):
        keys |= set(read_yaml(file) or {})
    return keys


def _without_null(written: str, overrides: Sequence[str], config_folder: Path) -> list[str]:
    """Translate an override that sets a key to null or deletes it; return any other override unchanged."""
    try:
        (one,) = parse([written])
    except HydraException:
        return [written]
    key = one.key_or_group
    if one.package is not None or _is_glob(one):
        return [written]
    if one.is_choice_sweep() and key in NULLS and _is_group(key, config_folder):
        meant = (NULLS[key] or f"{key}=null").partition("=")[2]
        values = [value.partition("=")[2] for value in values_of(one)]
        if "null" not in values or meant == "null":
            return [written]
        return [f"{key}={','.join(meant if value == 'null' else value for value in values)}"]
    if not _is_null(one):
        return [written]
    if key in NULLS:
        meaning = NULLS[key]
        # A key that only another option has cannot be removed.
        absent = "." in key and not _default(key, overrides, config_folder)[0]
        return [] if meaning is None or absent else [meaning]
    if _is_group(key, config_folder):
        choices = options_of(key, config_folder)
        which = f"choose one of {', '.join(choices)}, or leave it out" if choices else "leave it out"
        raise InputError(f"{written}: a run needs {key}; {which}")
    rule = RULES.get(key)
    if rule is not None and rule(None) is None:
        return [f"{key}=null"]
    known, value = _default(key, overrides, config_folder)
    if not known or (value is None and not one.is_delete()):
        return [written]
    if value is None:
        return []
    other = "" if isinstance(value, dict | list) else f", or name a value such as {show(value)}"
    raise InputError(f"{written}: a run needs {key}; leave it out{other}")


@cache
def _composed(groups: tuple[str, ...], config_folder: Path) -> Any:
    """Compose the configuration of some chosen options, including Hydra's part; not resolved."""
    return OmegaConf.to_container(compose_all(groups, config_folder)[0], resolve=False)


def _default(key: str, overrides: Sequence[str], config_folder: Path) -> tuple[bool, Any]:
    """Return whether conf/ has a key with the chosen options, and its unresolved value."""
    value = _composed(tuple(_groups_only(overrides, config_folder)), config_folder)
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False, None
        value = value[part]
    return True, value
