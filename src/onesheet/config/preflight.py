"""Compose and check every job of a command line before Hydra makes a folder for the first one.

Stock Hydra tells a configuration error in several lines, exits with 1, and makes the run's folder before it knows.
"""

import difflib
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from onesheet.config.launcher_rules import check_launcher, check_slurm
from onesheet.config.rules import check_config
from onesheet.errors import InputError
from onesheet.resuming import check_same_config

CONFIG_FOLDER = Path(__file__).resolve().parents[3] / "conf"


def dotted_keys(config: Any, prefix: str = "") -> Iterator[str]:
    """Every dotted key of a nested mapping, inner nodes included."""
    if isinstance(config, dict):
        for name, value in config.items():
            yield f"{prefix}{name}"
            yield from dotted_keys(value, f"{prefix}{name}.")


def one_line(error: Exception, overrides: list[str], config_folder: Path = CONFIG_FOLDER) -> str:
    """Hydra's error as one line that names the key, the value and the mend."""
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
            return f"{written}: there is no key {key}; python train.py --cfg hydra lists Hydra's keys"
        known = sorted(set(dotted_keys(composed([], config_folder))))
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "python train.py --help lists the keys"
        return f"{written}: there is no key {key}; {hint}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", message):
        return f"{match[1]}: several values need a sweep; add -m to the command line"
    if match := re.search(r"Error parsing override '([^']*)'", message):
        return f"{match[1]}: cannot be read as key=value; quote values that hold special characters"
    if match := re.search(r"no viable alternative at input '([^']*)'", message):
        written = next((o for o in overrides if match[1] in o), match[1])
        return f"{written}: cannot be read as key=value; quote values that hold special characters"
    if match := re.search(r"Interpolation key '([^']+)' not found", message):
        return f"${{{match[1]}}}: there is no key {match[1]} to take a value from"
    return " ".join(message.split())


def composed(overrides: list[str], config_folder: Path = CONFIG_FOLDER) -> dict[str, Any]:
    """The configuration that these overrides give, as plain resolved dicts and lists.

    Raises:
        InputError: The overrides do not compose.
    """
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(config_folder), version_base="1.3", job_name="train"):
            config = compose("train", overrides=overrides)
        result = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(one_line(error, overrides, config_folder)) from None
    assert isinstance(result, dict)
    return {str(key): value for key, value in result.items()}


def expand(overrides: list[str]) -> list[list[str]]:
    """The overrides of each job of a grid, in the order in which Hydra's basic sweeper runs them.

    Overrides that hold ranges of a search (``interval(…)``, ``tag(…)``) stay as they are: their sweeper reads them.
    """
    choices: list[list[str]] = []
    for override in OverridesParser.create().parse_overrides(overrides):
        if override.is_discrete_sweep():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        elif override.is_sweep_override():
            continue
        else:
            assert override.input_line is not None
            choices.append([override.input_line])
    return [list(job) for job in product(*choices)]


def resumed(overrides: list[str]) -> list[str]:
    """Overrides of a run to be resumed: its own recorded ones, then those given now, in the same folder.

    Raises:
        InputError: ``resume`` names no folder of a run.
    """
    given = next((o.split("=", 1)[1] for o in overrides if o.startswith("resume=")), None)
    if given in (None, "", "null"):
        return overrides
    folder = Path(given.strip("'\"")).resolve()
    recorded = folder / ".hydra" / "overrides.yaml"
    if not recorded.is_file():
        raise InputError(f"resume={given}: there is no .hydra/overrides.yaml in it; name the folder of a run")
    loaded = OmegaConf.to_container(OmegaConf.load(recorded))
    assert isinstance(loaded, list)
    skip = ("resume=", "hydra.run.dir=")
    own = [str(o) for o in loaded if not str(o).startswith(skip)]
    now = [o for o in overrides if not o.startswith(skip)]
    return [*own, *now, f"resume='{folder}'", f"hydra.run.dir='{folder}'"]


def check_additions(overrides: list[str], config_folder: Path = CONFIG_FOLDER) -> None:
    """Refuse ``+key=value`` that nothing would read: a misspelt key must not pass in silence.

    Raises:
        InputError: The key is neither a config group, nor an argument of something that is built, nor Hydra's own.
    """
    for override in overrides:
        key = override.lstrip("+").partition("=")[0].partition("@")[0]
        if not override.startswith("+") or key.startswith("hydra") or ".build." in key:
            continue
        known = sorted(set(dotted_keys(composed([], config_folder))))
        if key not in known and not (config_folder / key).is_dir():
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "python train.py --help lists the keys"
            raise InputError(f"{override}: nothing reads {key}; {hint}")


def preflight(argv: list[str], config_folder: Path = CONFIG_FOLDER) -> list[str]:
    """Check a command line of ``train.py``.

    Args:
        argv: The arguments after the program's name.
        config_folder: The folder of the configuration.

    Returns:
        The arguments to hand to Hydra (those of a resumed run are completed).

    Raises:
        InputError: Any job of the command line could not run; the line names key, value and mend.
    """
    asks_hydra = {"--help", "-h", "--hydra-help", "--version", "--info", "-i", "--shell-completion", "-sc"}
    if any(argument.split("=")[0] in asks_hydra for argument in argv):
        return argv
    try:
        with redirect_stderr(io.StringIO()):
            arguments = get_args_parser().parse_args(argv)
    except SystemExit:
        raise InputError(f"{' '.join(argv)}: unknown option; python train.py --hydra-help lists them") from None
    if arguments.cfg or arguments.config_name or arguments.config_path or arguments.config_dir:
        return argv
    flags = [a for a in argv if a not in arguments.overrides]
    overrides = resumed(arguments.overrides)
    try:
        jobs = expand(overrides) if arguments.multirun else [overrides]
    except HydraException as error:
        raise InputError(one_line(error, overrides, config_folder)) from None
    check_launcher(overrides, multirun=arguments.multirun)
    check_additions(overrides, config_folder)
    configs = []
    for job in jobs:
        config = composed(job, config_folder)
        configs.append(config)
        check_config(config)
        if config.get("resume"):
            # Before Hydra writes the run's recorded overrides anew.
            check_same_config(Path(config["resume"]), config)
    check_slurm(overrides, configs, config_folder)
    return [*flags, *overrides]
