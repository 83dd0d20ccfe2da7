"""Security checks of overrides that are read from the folder of a run or a sweep.

A folder can come from anybody, and its overrides must not run code or choose a server. Recorded overrides are applied
only if they set keys that ``conf/`` has to plain values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from omegaconf import OmegaConf

from keyart.config.compose import ARGUMENTS, CONFIG_FOLDER, compose_all, dotted_keys
from keyart.config.quoting import key_of
from keyart.config.sweep_grid import expand, parse, values_of
from keyart.errors import InputError
from keyart.metrics.registry import import_paths
from keyart.training.trainer_arguments import free_keys
from keyart.utils.former import current_override

#: Keys of Hydra that a sweep's jobs need. Keys that reach a shell (``setup``), a server or a class are excluded.
HYDRA_KEYS = re.compile(
    r"""hydra\.(mode|run\.dir|sweep\.dir|job\.chdir|verbose
    |sweeper\.(n_trials|n_jobs|patience|direction|max_batch_size|sampler\.(seed|n_startup_trials)|pruner(\.\w+)?)
    |launcher\.(jobs|threads|timeout_min|signal_delay_s|max_num_timeout|array_parallelism|nodes|tasks_per_node
        |cpus_per_task|cpus_per_gpu|gpus_per_node|gpus_per_task|mem_gb|mem_per_cpu|mem_per_gpu|partition|qos|account
        |constraint|gres|exclude|name|comment))""",
    re.VERBOSE,
)
HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper", "hydra/sweeper/pruner", "hydra/sweeper/sampler")
#: Options of these groups that come from packages, in addition to the files in ``conf/``.
PLUGINS = ("basic", "optuna", "submitit_local", "submitit_slurm")
#: Keys that name a server or an importable module; only a command line may set them.
USERS_OWN = re.compile(r"logger\.(\w+\.)?(tracking_uri|needs)")
_KEY = re.compile(r"[A-Za-z_][\w./-]*")
_NAME = re.compile(r"[\w.@/]+")
_GLOB = re.compile(r"\+{0,2}[\w/]+=glob\([\w*?,. \[\]-]*\)")
_SPECIAL = re.compile(r"(?<!\w)_(target|args|partial|recursive|convert)_(?!\w)")
"""Keys with which Hydra calls a named object."""
_NOW = re.compile(r"\$\{\s*now\s*:")
_RESOLVER = re.compile(r"\$\{[^}]*?:")


@cache
def known_targets(config_folder: Path = CONFIG_FOLDER) -> frozenset[str]:
    """Return every ``_target_`` in the files of ``conf/``."""
    texts = (file.read_text(encoding="utf-8") for file in config_folder.rglob("*.yaml"))
    return frozenset(name for text in texts for name in re.findall(r"_target_:\s*([\w.]+)", text))


def check_recorded(
    overrides: Iterable[str], file: Path, named_by: str, *, config_folder: Path = CONFIG_FOLDER
) -> list[str]:
    """Check overrides that were read from a folder, before anything is composed from them."""
    found = [str(override) for override in overrides]
    for override in found:
        if fault := _fault(override, config_folder):
            raise _refusal(named_by, file, key_of(override) or override, fault)
    _check_additions(found, file, named_by, config_folder)
    return found


def read_overrides(file: Path) -> list[str]:
    """Read a file of overrides that Hydra recorded."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{file}: cannot be read ({' '.join(str(error).split())}); copy the run again") from None
    if not isinstance(content, list) or not all(isinstance(one, str | int | float) for one in content):
        raise InputError(f"{file}: is not a list of overrides; copy the run again")
    return [current_override(str(one)) for one in content]


def _fault(override: str, config_folder: Path) -> str | None:
    """Return why an override may not come from a folder; None if it may."""
    key, text = group_of(override), override.partition("=")[2]
    if not override.isprintable():
        return "whose value holds control characters"
    if override.startswith("~") or not _KEY.fullmatch(key):
        return "which is not a key with a value"
    if _RESOLVER.search(_NOW.sub("", text)):
        return f"whose value {text} is read from outside the configuration"
    if _SPECIAL.search(override):
        known = key.endswith("._target_") and text.strip("'\" ") in known_targets(config_folder)
        return None if known else f"a class or its arguments ({text}) that conf/ does not name"
    if is_group(override, config_folder) or "/" in key:
        allowed = key in HYDRA_GROUPS if key.startswith("hydra") else is_group(override, config_folder)
        # An option that is a path could lead out of the configuration folder.
        allowed = allowed and all(_is_option(key, name, config_folder) for name in _options(override))
        return None if allowed else f"with an option ({text}) that conf/{key} does not have"
    try:
        leaves = list(_leaves(override))
    except HydraException:
        return "whose value cannot be read"
    for leaf in leaves:
        if USERS_OWN.fullmatch(leaf):
            return "which only a command line may name"
        if leaf == "evaluation.metrics" and import_paths(_NAME.findall(text)):
            return "to code of its own, which only a command line may name"
        if leaf.partition(".")[0] == "hydra" and not HYDRA_KEYS.fullmatch(leaf):
            return "a key of Hydra's own that a run does not need"
    return None


def is_group(override: str, config_folder: Path) -> bool:
    """Check whether an override chooses an option of a config group."""
    group = group_of(override)
    return bool(re.fullmatch(r"[\w/]+", group)) and (config_folder / group).is_dir()


def group_of(override: str) -> str:
    """Return the key of an override, without the name of the term where it adds a loss to a sum."""
    return re.sub(r"(?<=^loss)@loss\.terms\.\w+$", "", key_of(override))


def _is_option(group: str, name: str, config_folder: Path) -> bool:
    if name in ("null", "") or (group in HYDRA_GROUPS and name in PLUGINS):
        return True
    return bool(re.fullmatch(r"[\w-]+", name)) and (config_folder / group / f"{name}.yaml").is_file()


def _options(override: str) -> list[str]:
    """Return the options of a group that an override chooses: one, several, or those of a sweep."""
    try:
        (one,) = parse([override])
        if not one.is_sweep_override() and isinstance(one.value(), list):
            return [str(name) for name in one.value()]  # type: ignore[union-attr]
        return [value.partition("=")[2].strip("'\"") for value in values_of(one)]
    except HydraException:
        # A glob needs Hydra's search path, and chooses only among Hydra's options.
        return [] if _GLOB.fullmatch(override) else ["?"]


def _leaves(override: str) -> Iterator[str]:
    """Yield every key that an override sets: its own, and those within mappings."""
    (parsed,) = parse([override])
    key, written = key_of(override), parsed._value
    yield key
    for value in written.list if isinstance(written, ChoiceSweep) else [written]:
        if isinstance(value, Mapping):
            yield from (str(name) for name in dotted_keys(value, f"{key}."))


def _check_additions(found: list[str], file: Path, named_by: str, config_folder: Path) -> None:
    """Reject ``+key=value`` if no choice of config groups among the overrides has such a key."""
    added = [o for o in found if o.startswith("+") and not is_group(o, config_folder)]
    if not added:
        return
    known = free_keys()
    for groups in expand([o for o in found if is_group(o, config_folder) and not _GLOB.fullmatch(o)]):
        config = OmegaConf.to_container(compose_all(groups, config_folder)[0], resolve=False)
        known.update(dotted_keys(config))
    for override in added:
        for key in _leaves(override):
            if key not in known and not HYDRA_KEYS.fullmatch(key) and not ARGUMENTS.fullmatch(key):
                raise _refusal(named_by, file, key, "which conf/ does not have")


def _refusal(named_by: str, file: Path, key: str, fault: str) -> InputError:
    return InputError(
        f"{named_by}: {file} sets {key[:80]}, {fault}; nothing was run. If you trust it, name that override on"
        " the command line yourself"
    )
