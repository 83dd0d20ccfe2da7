"""Entry point of training: validation of the command line before Hydra starts."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
import hydra.core.utils
from omegaconf import DictConfig, OmegaConf

from keyart.config import preflight
from keyart.config.compose import CONFIG_FOLDER
from keyart.config.help import help_text
from keyart.config.preflight import with_search_path
from keyart.config.sweep_callback import SweepReport
from keyart.errors import InputError
from keyart.launch.config_keys import config_key
from keyart.utils.allocator import NO_MEMORY, is_out_of_memory
from keyart.utils.files import describe_fault, write_text
from keyart.utils.program import train_prefix
from keyart.utils.text import echo, prepare_streams

log = logging.getLogger(__name__)


def _save_config(cfg: DictConfig, filename: str, output_dir: Path) -> None:
    output_dir.mkdir(parents=True, exist_ok=True)
    write_text(output_dir / filename, OmegaConf.to_yaml(cfg))


# Hydra writes its record of a run in place, and writes it again when the run is resumed: a process that is killed then
# would leave a run that cannot be resumed.
hydra.core.utils._save_config = _save_config


@hydra.main(version_base="1.3", config_path=str(CONFIG_FOLDER), config_name="train")
def run_job(cfg: DictConfig) -> float | None:
    """Train one run in the folder that Hydra created, and return the monitored metric for sweepers."""
    if sys.stderr.isatty():  # elsewhere an input error is the only line
        log.info("loading torch, then reading the posters")
    from keyart.launch.run_job import train_in_hydra_folder

    return train_in_hydra_folder(cfg)


def _report(error: InputError | OSError) -> int:
    """Write an error as one line, and return the exit code."""
    text = describe_fault(error) if isinstance(error, OSError) else error.render(config_key)
    echo(f"{train_prefix()}: {text}", err=True)
    return 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the configuration of every job, start Hydra, and report on a sweep at its end.

    Args:
        arguments: Arguments after the program's name; None for those of this process.

    Raises:
        SystemExit: With 2 for a usage or input error, 130 after Ctrl-C, 1 if a job of a sweep did not finish.
    """
    # Hydra reads sys.argv itself.
    given = sys.argv[1:] if arguments is None else list(arguments)
    prepare_streams()
    try:
        given = with_search_path(given)
        if {"--help", "-h"}.intersection(given):
            print(help_text([a for a in given if not a.startswith("-")]), end="")  # noqa: T201
            return
        sys.argv[1:] = preflight(given)
    except (InputError, OSError) as error:
        sys.exit(_report(error))
    code, finished = 0, False
    # SIGTERM ends the jobs of a sweep in any phase, and the sweep is still reported on.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra prints the traceback of any error otherwise
    try:
        run_job()
    except KeyboardInterrupt:
        code = 130
    except OSError as error:  # Hydra itself could not write
        code = _report(error)
    except SystemExit as stop:
        if isinstance(stop.__cause__, InputError):
            echo(f"{train_prefix()}: {stop.__cause__}", err=True)
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        echo(f"{train_prefix()}: {NO_MEMORY}", err=True)
        code = 2
    finally:
        try:
            finished = SweepReport.end()
        except OSError as error:
            code = code or _report(error)
    if code or not finished:
        sys.exit(code or 1)
