"""Train an embedder: `python train.py [key=value …]`; `-m` sweeps; `--help` lists every key.

The last line on standard output is the absolute path of the run's folder (of the sweep's, with `-m`).
"""

import signal
import sys

import hydra
from omegaconf import DictConfig

from keyart.config import preflight
from keyart.config.hooks import SweepReport
from keyart.errors import InputError


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def run_job(cfg: DictConfig) -> float | None:
    """Train one run in the folder that Hydra made for it; return the monitor for sweepers."""
    from keyart.training import train_in_hydra_folder

    return train_in_hydra_folder(cfg)


def main() -> None:
    """Check every job's configuration before anything runs, then hand over to Hydra; report on a sweep at its end."""
    try:
        sys.argv[1:] = preflight(sys.argv[1:])
    except InputError as error:
        print(f"train.py: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    code = 0
    # A sweep that is told to stop ends its jobs and reports on them, whoever is at work just then.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        run_job()
    except KeyboardInterrupt:
        code = 130
    finally:
        finished = SweepReport.end()
    if code or not finished:
        sys.exit(code or 1)


if __name__ == "__main__":
    main()
