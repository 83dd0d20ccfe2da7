"""Check of every job of a command line before Hydra creates a folder for the first one.

Hydra itself reports a configuration error in several lines, exits with 1, and creates the run's folder first.
"""

import io
import re
from contextlib import redirect_stderr
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from keyart.config.compose import (
    CONFIG_FOLDER,
    check_additions,
    compose_all,
    compose_plain,
    format_hydra_error,
    to_plain,
)
from keyart.config.launcher_rules import check_no_launcher
from keyart.config.multirun import check_multirun
from keyart.config.output_folders import check_run_folder, named_folder
from keyart.config.quoting import key_of, quote, quote_paths
from keyart.config.recorded import check_recorded, read_overrides
from keyart.config.resume_sweep import given_folder, resumed_sweep, sweep_to_resume
from keyart.config.rules import check_config
from keyart.config.shorthand import expand_shorthand
from keyart.config.sweep_grid import expand, parse
from keyart.errors import InputError
from keyart.runs.latest import resumable_run
from keyart.runs.sweep.state import Plan
from keyart.training.resume import check_same_config
from keyart.utils.paths import expand_home, path_from
from keyart.utils.program import train_command, train_prefix
from keyart.utils.text import echo

__all__ = ["CONFIG_FOLDER", "compose_plain", "expand", "format_hydra_error", "preflight"]


def resume_overrides(overrides: list[str], *, multirun: bool = False, config_folder: Path = CONFIG_FOLDER) -> list[str]:
    """Return the overrides that resume a run in its folder: its recorded ones, then those of the command line."""
    given = given_folder(overrides, "resume")
    if given is None:
        return overrides
    if multirun:
        raise InputError(
            f"resume={given}: continues one run, and -m asks for a sweep; leave -m out, or continue a sweep with"
            " resume_sweep=<its folder>"
        )
    folder = resumable_run(Path(given)).resolve()
    if folder != Path(given).resolve():
        echo(f"{train_prefix()}: resume={given}: its latest interrupted run is used, {folder}", err=True)
    recorded = folder / ".hydra" / "overrides.yaml"
    if not recorded.is_file():
        raise InputError(f"resume={given}: there is no .hydra/overrides.yaml in it; name the folder of a run")
    before = read_overrides(recorded)
    overrides = expand_shorthand(overrides, config_folder, before=before)
    replaced = {"resume", "resume_sweep", "hydra.run.dir", "hydra.mode", *map(key_of, overrides)}
    # Up to version 0.1 the keys of a logger did not contain its name.
    replaced |= {re.sub(r"^logger\.\w+\.", "logger.", key) for key in replaced}
    own = [o for o in before if key_of(o) not in replaced]
    check_recorded(own, recorded, f"resume={given}", config_folder=config_folder)
    now = [o for o in overrides if key_of(o) not in ("resume", "resume_sweep", "hydra.run.dir", "hydra.mode")]
    here = quote(str(folder), literal=True)
    # A job of a search records the experiment that asks for the search, so the mode must be reset to a single run.
    return [*own, *now, f"resume={here}", f"hydra.run.dir={here}", "hydra.mode=RUN"]


def preflight(argv: list[str], config_folder: Path = CONFIG_FOLDER) -> list[str]:
    """Check a command line of ``train.py``.

    Returns:
        The arguments for Hydra (those of a resumed run or sweep are completed).
    """
    argv = with_search_path(argv)
    asks_hydra = {"--help", "-h", "--hydra-help", "--version", "--info", "-i", "--shell-completion", "-sc"}
    if any(argument.split("=")[0] in asks_hydra for argument in argv):
        return argv
    try:
        with redirect_stderr(io.StringIO()):
            # Flags may occur anywhere; Hydra itself accepts them only before or after all overrides.
            arguments = get_args_parser().parse_intermixed_args(argv)
    except SystemExit:
        raise InputError(f"{' '.join(argv)}: unknown option; {train_command()} --hydra-help lists them") from None
    flags = [a for a in argv if a not in arguments.overrides]
    overrides = list(arguments.overrides)
    if arguments.config_name or arguments.config_path:
        return argv
    if arguments.cfg:
        return [*flags, *expand_shorthand(quote_paths(overrides, multirun=bool(arguments.multirun)), config_folder)]
    if arguments.run and arguments.multirun:
        raise InputError("--run and --multirun: it is one run or a sweep; leave one of them out")
    may_sweep = arguments.multirun or any(key_of(o) in ("resume_sweep", "hydra.mode", "experiment") for o in overrides)
    try:
        overrides = quote_paths(overrides, multirun=may_sweep)
        sweep = sweep_to_resume(overrides)
        if sweep is not None:
            overrides = expand_shorthand(overrides, config_folder, before=Plan.read(sweep).overrides)
            overrides = resumed_sweep(sweep, overrides, config_folder)
            flags = flags if arguments.multirun else [*flags, "--multirun"]
        else:
            overrides = resume_overrides(overrides, multirun=arguments.multirun, config_folder=config_folder)
        # The records of a run or a sweep may come from an earlier version.
        overrides = expand_shorthand(overrides, config_folder)
        multirun = bool(arguments.multirun or sweep)
        multirun = multirun or (not arguments.run and asks_multirun(overrides, config_folder))
        if multirun:
            check_multirun(overrides, config_folder, resumes=sweep is not None)
        else:
            check_run(overrides, config_folder)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(format_hydra_error(error, overrides, config_folder)) from None
    return [*flags, *overrides]


def with_search_path(argv: list[str]) -> list[str]:
    """Replace ``--config-dir`` by Hydra's search path, so that every job of a sweep finds the options in the folder.

    Examples:
        >>> with_search_path(["--config-dir", "/tmp", "loss=mine"])
        ["hydra.searchpath=['/tmp']", 'loss=mine']
    """
    found, rest = [], list(argv)
    while rest:
        name, equals, folder = rest.pop(0).partition("=")
        if name not in ("--config-dir", "-cd"):
            found.append(name + equals + folder)
            continue
        folder = folder if equals or not rest else rest.pop(0)
        path = Path(expand_home(folder))
        if not folder or not path.is_dir():
            raise InputError(f"--config-dir {folder}: there is no such folder; name one with groups such as loss/")
        found.append(f"hydra.searchpath=[{quote(str(path.resolve()), literal=True)}]")
    return found


def asks_multirun(overrides: list[str], config_folder: Path) -> bool:
    """Check whether `hydra.mode` asks for a sweep without ``-m``: on the command line, or in an experiment."""
    given = [o for o in overrides if key_of(o) in ("hydra.mode", "experiment")]
    if not given or any(o.is_sweep_override() for o in parse(given)):
        return False
    return str(compose_all(given, config_folder)[0].hydra.mode).endswith("MULTIRUN")


def check_run(overrides: list[str], config_folder: Path) -> None:
    """Check a single run."""
    check_no_launcher(overrides)
    check_additions([overrides], config_folder)
    whole = compose_all(overrides, config_folder)[0]
    config = to_plain(whole, overrides, config_folder)
    check_config(config)
    if whole.hydra.job.chdir:
        # As the run records it.
        config["model"]["weights"] = path_from(Path.cwd(), "model.weights", config["model"]["weights"])
    # Check this before Hydra overwrites the run's recorded overrides.
    if config.get("resume"):
        check_same_config(Path(config["resume"]), config)
    else:
        check_run_folder(named_folder(whole.hydra.run), config)
