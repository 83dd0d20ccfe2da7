"""Composition of configurations, and one-line messages for Hydra's errors."""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from keyart.config.hints import hint_for
from keyart.config.nodes import check_nodes
from keyart.config.quoting import shell_quoted
from keyart.config.sweep_grid import parse
from keyart.errors import InputError
from keyart.training.trainer_arguments import free_keys
from keyart.utils.program import train_command

_PACKAGE = Path(__file__).resolve().parents[1]
#: The configuration folder: beside the code in an installed wheel, at the top level of a clone.
CONFIG_FOLDER = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parents[1] / "conf"

#: Keys that may be added: arguments of what the user may choose, which checks them itself, and weights of a sum.
ARGUMENTS = re.compile(r"(optimizer|scheduler|loss\.weights)\.\w+")


def dotted_keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of a nested mapping, including inner nodes."""
    if isinstance(config, dict):
        for name, value in config.items():
            yield f"{prefix}{name}"
            yield from dotted_keys(value, f"{prefix}{name}.")


def format_hydra_error(error: Exception, overrides: list[str], config_folder: Path = CONFIG_FOLDER) -> str:
    """Return Hydra's error as one line that names the key, the value and the fix."""
    message = str(error)
    if match := re.search(r"Could not find '(?:.*/)?([^'/]+)/([^'/]+)'", message):
        group, value = match[1], match[2]
        if full := re.search(r"Could not find '([^']+)'", message):
            group = full[1].rpartition("/")[0]
        choices = sorted(set(re.findall(r"\n\t(?!provider=)(\S+)", message)))
        if not choices:
            return f"{group}={value}: there is no such option"
        near = difflib.get_close_matches(value, choices, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        other = "; any other timm model: model.backbone=<its name>" if group == "model" else ""
        return f"{group}={value}: there is no such option; choose one of {', '.join(choices)}{hint}{other}"
    if match := re.search(r"Could not override '([^']+)'", message):
        key = match[1]
        written = next((o for o in overrides if o.lstrip("+~").startswith(f"{key}=")), key)
        if key.startswith("hydra."):
            return f"{written}: there is no key {key}; {train_command()} --cfg hydra lists Hydra's keys"
        return f"{written}: there is no key {key}; {hint_for(key, known_keys(overrides, config_folder), config_folder)}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", message):
        key, _, value = match[1].partition("=")
        one = shell_quoted(key, value)
        return f"{match[1]}: several values need a sweep (-m); quote one value that contains a comma, {one}"
    if isinstance(error, OverrideParseException):
        key, equals, value = error.override.partition("=")
        how = f"quote its value, {shell_quoted(key, value)}" if equals else "overrides are written key=value"
        return f"{error.override}: cannot be read as key=value; {how}"
    if match := re.search(r"Error merging override (.*)", message):
        why = str(error.__cause__ or "it is not accepted").partition("\n")[0]
        return f"{match[1]}: {why[:1].lower()}{why[1:]}"
    if match := re.search(r"Interpolation key '([^']+)' not found", message):
        return f"${{{match[1]}}}: there is no key {match[1]} to take a value from"
    return " ".join(message.split())


def compose_all(overrides: Sequence[str], config_folder: Path = CONFIG_FOLDER) -> tuple[DictConfig, ConfigLoader]:
    """Compose the configuration of some overrides, with Hydra's own part under ``hydra``; not resolved."""
    try:
        return _compose(overrides, config_folder)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(format_hydra_error(error, list(overrides), config_folder)) from None


def _compose(overrides: Sequence[str], config_folder: Path) -> tuple[DictConfig, ConfigLoader]:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder), version_base="1.3", job_name="train"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
        return config, GlobalHydra.instance().config_loader()


def to_plain(config: DictConfig, overrides: Sequence[str], config_folder: Path = CONFIG_FOLDER) -> dict[str, Any]:
    """Return a configuration without Hydra's part, as resolved plain dicts and lists."""
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    if "hydra" in config:
        plain, choices = (OmegaConf.to_container(c, resolve=False) for c in (own, config.hydra.runtime.choices))
        check_nodes(plain, choices, config_folder)  # type: ignore[arg-type]
    try:
        result = OmegaConf.to_container(own, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(format_hydra_error(error, list(overrides), config_folder)) from None
    assert isinstance(result, dict)
    return {str(key): value for key, value in result.items()}


def compose_plain(overrides: list[str], config_folder: Path = CONFIG_FOLDER) -> dict[str, Any]:
    """Compose the configuration of some overrides as resolved plain dicts and lists, without Hydra's part."""
    return to_plain(compose_all(overrides, config_folder)[0], overrides, config_folder)


def known_keys(overrides: Sequence[str], config_folder: Path = CONFIG_FOLDER) -> set[str]:
    """Return every dotted key of the configuration with the config groups that the overrides choose.

    If these do not compose, the default groups of conf/ are used. The result includes `free_keys`.
    """
    groups = [
        o
        for o in overrides
        if is_search_path(o) or (re.match(r"\+*[\w/]+(@[\w.]+)?=[\w-]+$", o) and (config_folder / _key_of(o)).is_dir())
    ]
    try:
        # Not by `compose_plain`: to explain an error it asks for the known keys.
        _compose(groups, config_folder)
    except (HydraException, OmegaConfBaseException):
        groups = []
    return {*dotted_keys(compose_plain(groups, config_folder)), *free_keys()}


def is_search_path(override: str) -> bool:
    """Return whether an override adds folders in which Hydra looks for further options."""
    return override.startswith("hydra.searchpath=")


def _key_of(override: str) -> str:
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def check_additions(jobs: Sequence[Sequence[str]], config_folder: Path = CONFIG_FOLDER) -> None:
    """Reject ``+key=value`` overrides that no code reads, because a misspelt key must not pass silently."""

    def is_group(override: str) -> bool:
        return is_search_path(override) or (config_folder / _key_of(override)).is_dir()

    def is_free(override: str) -> bool:
        key = _key_of(override)
        if not override.startswith("+") or key.startswith("hydra") or ".build." in key or is_group(override):
            return True
        return key in free_keys() or bool(ARGUMENTS.fullmatch(key))

    added = dict.fromkeys(override for job in jobs for override in job if not is_free(override))
    if not added:
        return
    known = free_keys()
    for groups in dict.fromkeys(tuple(filter(is_group, job)) for job in jobs):
        known.update(dotted_keys(compose_plain(list(groups), config_folder)))
    for override in added:
        key = _key_of(override)
        if key not in known:
            raise InputError(f"{override}: nothing reads {key}; {hint_for(key, known, config_folder)}")


class Composer:
    """Composer of many jobs that differ in few values.

    It composes once per choice of config groups and then sets the plain values of each job.

    Args:
        config_folder: The folder of the configuration.
        plain: Swept keys that are no config groups; their values are set after composition.
    """

    def __init__(self, plain: Sequence[str], config_folder: Path = CONFIG_FOLDER) -> None:
        self.plain, self.config_folder = set(plain), config_folder
        self._bases: dict[tuple[str, ...], DictConfig] = {}

    def job(self, overrides: list[str]) -> dict[str, Any]:
        """Compose one job's configuration, as `compose_plain` does."""
        values = [o for o in overrides if o.split("=", 1)[0] in self.plain]
        rest = tuple(o for o in overrides if o.split("=", 1)[0] not in self.plain)
        if any(value.endswith("=null") for value in values):
            return compose_plain(overrides, self.config_folder)
        if rest not in self._bases:
            self._bases[rest] = compose_all(overrides, self.config_folder)[0]
        config = OmegaConf.masked_copy(self._bases[rest], [str(key) for key in self._bases[rest] if key != "hydra"])
        OmegaConf.set_struct(config, True)
        try:
            for override in parse(values):
                OmegaConf.update(config, override.key_or_group, override.value(), merge=False)
        except OmegaConfBaseException:
            return compose_plain(overrides, self.config_folder)
        return to_plain(config, overrides, self.config_folder)
