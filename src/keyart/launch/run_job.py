"""Training of one job in the folder that Hydra created, in this process or in several."""

import copy
import logging
import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.launch.config_keys import config_key
from keyart.launch.ddp.ddp_launcher import run_processes
from keyart.launch.slurm.job import cores_of_task, job_id, uses_slurm
from keyart.launch.slurm.requeue import requeue
from keyart.launch.sweep.job import run_sweep_job
from keyart.runs.latest import finished_run
from keyart.training.early_ends import TrainingInterrupted
from keyart.training.world_size import is_rank_zero, num_processes_to_start
from keyart.utils.allocator import keep_freed_memory
from keyart.utils.files import describe_fault
from keyart.utils.folder_lock import acquire, release
from keyart.utils.imports import no_collections
from keyart.utils.paths import PATH_KEYS, expand_home, path_from
from keyart.utils.program import train_command, train_prefix
from keyart.utils.reading import read_yaml
from keyart.utils.text import echo

if TYPE_CHECKING:
    from keyart.runs.sweep.study import TrialReporter

log = logging.getLogger(__name__)
TASK = "trains this run"


def is_new(folder: Path) -> bool:
    """Return whether a run's folder contains only the files that Hydra has just created."""
    return {path.name for path in folder.iterdir()} <= {".hydra", f"{HydraConfig.get().job.name}.log"}


def remove_run(folder: Path, start: Path) -> None:
    """Remove the folder of a run that never began, and its parents below ``start`` that are then empty."""
    release(folder)
    # Hydra may have made the folder itself the working directory.
    os.chdir(start)
    for handler in logging.root.handlers:
        handler.close()
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent in (start, *start.parents) or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def train_in_processes(
    cfg: DictConfig, folder: Path, checkpoint: Path | None, reporter: "TrialReporter | None" = None
) -> float:
    """Train in this process, or in as many local processes as ``trainer`` requests; see `train`."""
    devices = OmegaConf.to_container(cfg.trainer).get("devices")  # type: ignore[union-attr]
    count = num_processes_to_start(cfg.trainer.accelerator, devices, cfg.trainer.num_nodes)  # type: ignore[arg-type]
    if count == 1:
        with no_collections():
            from keyart.training.interruption import StopOnSignal
            from keyart.training.train import train

        stop = StopOnSignal(folder / "checkpoints" / "last.ckpt")
        with stop.listening():
            return train(cfg, folder, checkpoint, stop, reporter)
    config, logs = (OmegaConf.to_container(c, resolve=True) for c in (cfg, HydraConfig.get().job_logging))
    return run_processes(count, config, folder, checkpoint, logs, reporter)  # type: ignore[arg-type]


def trial_reporter(hydra_config: Any) -> "TrialReporter | None":
    """Return the reporter to the search that the job belongs to; None without a search, or if it has no pruner."""
    sweeper = hydra_config.sweeper
    if sweeper.get("pruner") is None:
        return None
    from hydra.utils import instantiate

    from keyart.runs.sweep.study import TrialReporter

    # The path is relative to the folder in which the sweep was started, which the job may have left.
    storage = sweeper.storage if "://" in sweeper.storage else str(Path(hydra_config.runtime.cwd) / sweeper.storage)
    return TrialReporter(storage, sweeper.study_name, int(hydra_config.job.num), instantiate(sweeper.pruner))


def exit_interrupted(cut: TrainingInterrupted, folder: Path) -> NoReturn:
    """Log how to resume an interrupted run, requeue its SLURM job, and exit."""
    if not is_rank_zero():
        # The first process still has to requeue the job, and SLURM ends all processes of a job if one fails.
        sys.exit(0 if job_id() else cut.exit_code)
    if (folder / "checkpoints" / "last.ckpt").is_file():
        line = f"{train_command()} resume={folder}"
        log.warning("interrupted by %s; %s continues from there", cut.signal.name, line)
    else:
        log.warning("interrupted by %s before anything was trained; start it again", cut.signal.name)
    if job_id():
        requeue(cut)
    sys.exit(cut.exit_code)


def train_in_hydra_folder(cfg: DictConfig) -> float:
    """Train in the folder that Hydra created, print its path as the last line, and exit with 2 on invalid input."""
    hydra_config = HydraConfig.get()
    keep_freed_memory()
    try:
        monitor = train_job(cfg)
    except TrainingInterrupted as cut:
        exit_interrupted(cut, Path(hydra_config.runtime.output_dir).resolve())
    except (InputError, OSError) as error:
        if hydra_config.mode == RunMode.MULTIRUN:
            raise
        if is_rank_zero():
            text = describe_fault(error) if isinstance(error, OSError) else error.render(config_key)
            echo(f"{train_prefix()}: {text}", err=True)
        sys.exit(2)
    if is_rank_zero() and hydra_config.mode != RunMode.MULTIRUN:
        print(Path(hydra_config.runtime.output_dir).resolve(), flush=True)  # noqa: T201
    return monitor


def train_job(cfg: DictConfig) -> float:
    """Train in the folder that Hydra created; remove it if invalid input prevents the run from starting.

    Raises:
        InputError: The configuration or the data is invalid.
        TrainingInterrupted: A signal stopped the run.
    """
    hydra_config = HydraConfig.get()
    folder, start = Path(hydra_config.runtime.output_dir).resolve(), Path(hydra_config.runtime.cwd)
    if hydra_config.job.chdir:
        cfg = with_paths_from(start, cfg)
    cfg = with_one_teacher(folder, cfg)
    last = folder / "checkpoints" / "last.ckpt"
    checkpoint = last if last.is_file() else None
    # A folder that existed before is never removed.
    new = is_new(folder)
    if not is_rank_zero():
        logging.getLogger().setLevel(logging.ERROR)
    if (cores := cores_of_task()) and "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(min(cores, torch.get_num_threads()))
    try:
        if hydra_config.mode == RunMode.MULTIRUN:
            if is_rank_zero():
                try:
                    acquire(folder, TASK)
                except InputError as error:
                    log.error("job %s is left to another process: %s", folder.name, error)
                    return math.nan
            return run_sweep_job(
                folder,
                cfg.monitor,
                lambda: train_in_processes(
                    in_group_of_sweep(cfg, folder), folder, checkpoint, trial_reporter(hydra_config)
                ),
                writes=is_rank_zero(),
                # SLURM must see a failed job, and then ends its other processes. A sweep within one job continues.
                raises=uses_slurm(str(hydra_config.launcher._target_)),
            )
        return train_in_processes(cfg, folder, checkpoint)
    except InputError:
        # A run that began and could not continue, for example on a full disk, stays and can be resumed.
        if hydra_config.mode != RunMode.MULTIRUN and is_rank_zero() and new and not last.is_file():
            remove_run(folder, start)
        raise
    finally:
        release(folder)


def with_paths_from(start: Path, cfg: DictConfig) -> DictConfig:
    """Resolve relative paths of a configuration, and of the cache, from the folder in which the program was started.

    Args:
        start: That folder; with ``hydra.job.chdir=true`` it is not the working directory.
        cfg: The configuration.

    Returns:
        A copy whose paths are absolute.
    """
    cfg = copy.deepcopy(cfg)
    for key in PATH_KEYS:
        if (value := OmegaConf.select(cfg, key, throw_on_missing=False)) is not None:
            OmegaConf.update(cfg, key, path_from(start, key, value))
    if cache := os.environ.get("KEYART_CACHE"):
        os.environ["KEYART_CACHE"] = str(start / expand_home(cache))
    return cfg


def with_one_teacher(folder: Path, cfg: DictConfig) -> DictConfig:
    """Return the configuration with a single run as teacher, where it names a folder of runs.

    Args:
        folder: The folder of the run that is trained. If it has begun already, it keeps the teacher that it recorded,
            also where a later run of that name has finished since.
        cfg: The configuration.

    Raises:
        InputError: None of the runs is finished.
    """
    if (named := OmegaConf.select(cfg, "training.teacher")) is None:
        return cfg
    config = folder / "config.yaml"
    recorded = read_yaml(config).get("training", {}).get("teacher") if config.is_file() else None
    same = recorded is not None and Path(recorded).parent.resolve() == Path(named).resolve()
    cfg = copy.deepcopy(cfg)
    OmegaConf.update(cfg, "training.teacher", recorded if same else str(finished_run(Path(named))))
    return cfg


def in_group_of_sweep(cfg: DictConfig, folder: Path) -> DictConfig:
    """Return the configuration of a sweep's job, in which loggers that group runs use the sweep's name as group."""
    cfg = copy.deepcopy(cfg)
    for logger in (cfg.get("logger") or {}).values():
        if "group" in logger and logger.group is None:
            logger.group = folder.parent.name
    return cfg
