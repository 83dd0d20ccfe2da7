"""From a composed configuration to a finished run: the one place under ``train.py`` that runs things for Hydra."""

import copy
import logging
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import lightning
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from keyart.config.launcher_rules import uses_slurm
from keyart.config.quoting import PATH_KEYS, path_from
from keyart.errors import InputError
from keyart.launch.ddp.ddp_launcher import run_processes
from keyart.launch.ddp.world_size import cluster_environment, processes_wanted
from keyart.launch.slurm.job import cores_of_task, job_id
from keyart.launch.slurm.requeue import run_again
from keyart.launch.sweep.job import run_sweep_job
from keyart.training.artifacts import describe_dataset, finish, write_inputs
from keyart.training.build import make_callbacks, make_data, make_loggers, make_module, make_profiler, prepare
from keyart.training.interruption import CutShort, StopOnSignal
from keyart.training.loggers.run_logger import RunResults, finishing, log_results, rewind_loggers
from keyart.training.module import EmbeddingModule
from keyart.training.resume import check_same_config, check_same_dataset
from keyart.training.trainer_arguments import extra_arguments
from keyart.utils.allocator import keep_freed_memory
from keyart.utils.checkpoint_files import CheckpointFiles, read_checkpoint
from keyart.utils.paths import expand_home
from keyart.utils.text import echo

log = logging.getLogger(__name__)


def quieten() -> None:
    """Keep other libraries' notes to themselves out of a person's log."""
    for text in (
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*is smaller than the logging interval.*",
        # Every process works out the loss of all.
        ".*recommended to use `self.log\\(.*sync_dist=True.*",
        # Of a run that goes on without the time limit that ended it.
        ".*callbacks used to create the checkpoint need to be provided.*",
        # That a machine has SLURM does not mean that this run wants it.
        ".*`srun` command is available.*",
    ):
        warnings.filterwarnings("ignore", message=text)
    # It tells twice a run that our own checkpoints are loaded as ours.
    logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.utilities.distributed").setLevel(logging.WARNING)


def first_process() -> bool:
    """Whether this process is the one that writes and speaks; also before a trainer is made."""
    return not getattr(rank_zero_only, "rank", 0)


def strategy_for(cfg: DictConfig) -> str:
    """The strategy of several processes; with both phases the backbone's parameters rest in the first of them."""
    strategy = str(cfg.trainer.strategy)
    if strategy not in ("auto", "ddp") or (cfg.trainer.devices == 1 and cfg.trainer.num_nodes == 1):
        return "auto" if strategy == "ddp" else strategy
    both = cfg.training.head_epochs > 0 and cfg.training.finetune_epochs > 0
    return "ddp_find_unused_parameters_true" if both else strategy


def train(cfg: DictConfig, folder: Path, checkpoint: Path | None = None, stop: StopOnSignal | None = None) -> float:
    """Train and judge one run.

    Args:
        cfg: The composed configuration.
        folder: The run's folder; exists.
        checkpoint: Continue from here.
        stop: Listens for signals to stop; None: nothing does.

    Returns:
        The best value of ``monitor``; NaN where nothing was validated.

    Raises:
        InputError: Something in the configuration or the data must be mended first.
        CutShort: A signal told to stop; ``checkpoints/last.ckpt`` holds what was trained.
    """
    quieten()
    keep_freed_memory()
    torch.set_float32_matmul_precision("high")
    if cfg.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator={cfg.trainer.accelerator}: torch finds no GPU here; take trainer=auto or cpu"
        )
    # First of all, so that a checkpoint that is not to be read is refused before anything is computed.
    resumed_at = None if checkpoint is None else int(read_checkpoint(checkpoint)["global_step"])
    prepared, embedder = prepare(cfg)
    resolved = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(resolved, dict)
    if checkpoint is not None:
        check_same_config(folder, {str(key): value for key, value in resolved.items()})
        check_same_dataset(folder, describe_dataset(prepared))
    frozen_backbone = copy.deepcopy(embedder.backbone) if cfg.training.finetune_epochs else None
    module = make_module(cfg, prepared, embedder)
    callbacks, best = make_callbacks(cfg, folder, prepared)
    callbacks += [stop] if stop is not None else []
    data = make_data(cfg, prepared, module.loss)
    loggers = make_loggers(cfg, folder)
    if first_process():
        write_inputs(cfg, folder, prepared, embedder)
    if resumed_at is not None:
        rewind_loggers(loggers, resumed_at)
    with finishing(loggers):
        arguments = {
            "max_time": cfg.trainer.max_time,
            "gradient_clip_val": cfg.trainer.gradient_clip_val,
            "check_val_every_n_epoch": cfg.trainer.check_val_every_n_epoch,
            "num_sanity_val_steps": 0,
            "enable_model_summary": False,
            "log_every_n_steps": 10,
            **extra_arguments(cfg.trainer),
        }
        try:
            trainer = lightning.Trainer(
                accelerator=cfg.trainer.accelerator,
                devices=cfg.trainer.devices,
                num_nodes=cfg.trainer.num_nodes,
                strategy=strategy_for(cfg),
                plugins=[CheckpointFiles(), *([environment] if (environment := cluster_environment()) else [])],
                profiler=make_profiler(cfg, folder),
                max_epochs=cfg.training.head_epochs + cfg.training.finetune_epochs,
                callbacks=callbacks,
                logger=loggers,
                default_root_dir=folder,
                use_distributed_sampler=False,
                enable_progress_bar=bool(cfg.callbacks.progress),
                **arguments,
            )
        except (MisconfigurationException, TypeError, ValueError) as error:
            raise InputError(f"trainer: lightning.Trainer refuses its arguments: {error}") from error
        for logger in loggers:
            logger.log_hyperparams(resolved)
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        trainer.strategy.barrier()
        tell_early_end(trainer, module, best, folder)
        if best.best_model_path:
            state = read_checkpoint(best.path)
            module.load_state_dict(state["state_dict"])
            module.on_load_checkpoint(state)
        if trainer.is_global_zero:
            for logger in loggers:
                logger.save()
            results = finish(cfg, folder, prepared, module, frozen_backbone if module.backbone_trained else None)
            if stop is not None:
                stop.complete()
            log_results(loggers, results)
            log_summary(results, cfg.monitor)
    return float(best.best_model_score) if best.best_model_score is not None else float("nan")


def tell_early_end(trainer: lightning.Trainer, module: EmbeddingModule, best: ModelCheckpoint, folder: Path) -> None:
    """Say why a training ended before its last step, what of it is evaluated, and how it goes on."""
    epochs = module.schedule.head_epochs + module.schedule.finetune_epochs
    steps = epochs * -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
    if trainer.global_step >= steps:
        return
    timers = (callback for callback in trainer.callbacks if isinstance(callback, Timer))  # type: ignore[attr-defined]
    timer = next((one for one in timers if (one.time_remaining() or 0) <= 0), None)
    per_epoch = steps // epochs
    at = f"epoch {-(-trainer.global_step // per_epoch)} of {epochs}, step {trainer.global_step} of {steps}"
    score = best.best_model_score
    kept = (
        "nothing was validated, so its last weights are evaluated"
        if score is None
        else f"the best so far ({best.monitor} {float(score):.4f}) is evaluated"
    )
    if timer is not None:
        log.warning(
            "training stopped after %.0f s by trainer.max_time, at %s: %s; python train.py resume=%s"
            " trainer.max_time=null goes on from there",
            *(timer.time_elapsed(), at, kept, folder),
        )
    else:
        log.info("training stopped by callbacks.early_stopping.patience, at %s: %s", at, kept)


def log_summary(results: RunResults, monitor: str) -> None:
    """Say in one line how the run did."""
    name = "test/" + monitor.removeprefix("val/")
    value, chance, frozen, lift = (results.metrics.get(name + end) for end in ("", "/chance", "/frozen", "/lift"))
    if value is not None and chance is not None and frozen is not None:
        told = "undefined" if lift is None else f"{lift:.2f}"
        log.info("%s %.4f (chance %.4f, frozen backbone %.4f, lift %s)", name, value, chance, frozen, told)


def is_new(folder: Path) -> bool:
    """Whether a run's folder holds nothing but what Hydra has just put there."""
    return {path.name for path in folder.iterdir()} <= {".hydra", f"{HydraConfig.get().job.name}.log"}


def remove_run(folder: Path, start: Path) -> None:
    """Remove the folder of a run that never began, and its parents below ``start`` where they are empty now."""
    # Hydra may have made the folder itself the working directory.
    os.chdir(start)
    for handler in logging.root.handlers:
        handler.close()
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent in (start, *start.parents) or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def train_here_or_together(cfg: DictConfig, folder: Path, checkpoint: Path | None) -> float:
    """Train in this process, or in as many of this machine as ``trainer`` asks for; see `train`."""
    devices = OmegaConf.to_container(cfg.trainer).get("devices")  # type: ignore[union-attr]
    count = processes_wanted(cfg.trainer.accelerator, devices, cfg.trainer.num_nodes)  # type: ignore[arg-type]
    if count == 1:
        stop = StopOnSignal(folder / "checkpoints" / "last.ckpt")
        with stop.listening():
            return train(cfg, folder, checkpoint, stop)
    config, logs = (OmegaConf.to_container(c, resolve=True) for c in (cfg, HydraConfig.get().job_logging))
    return run_processes(count, config, folder, checkpoint, logs)  # type: ignore[arg-type]


def leave_cut_short(cut: CutShort, folder: Path) -> NoReturn:
    """Tell how a run that was cut short goes on, have SLURM run its job again, and exit."""
    if not first_process():
        # The first one still has to speak to SLURM, which ends a job's others where one of them fails.
        sys.exit(0 if job_id() else cut.exit_code)
    if (folder / "checkpoints" / "last.ckpt").is_file():
        log.warning("cut short by %s; python train.py resume=%s goes on from there", cut.signal.name, folder)
    else:
        log.warning("cut short by %s before anything was trained; start it again", cut.signal.name)
    if job_id():
        run_again(cut)
    sys.exit(cut.exit_code)


def train_in_hydra_folder(cfg: DictConfig) -> float:
    """Train in the folder that Hydra made, print its path last, and leave nothing behind for bad input."""
    hydra_config = HydraConfig.get()
    folder, start = Path(hydra_config.runtime.output_dir).resolve(), Path(hydra_config.runtime.cwd)
    if hydra_config.job.chdir:
        cfg = with_paths_from(start, cfg)
    last = folder / "checkpoints" / "last.ckpt"
    checkpoint = last if last.is_file() else None
    # What else lies in a folder that was there before is never removed.
    new = is_new(folder)
    if not first_process():
        logging.getLogger().setLevel(logging.ERROR)
    if (cores := cores_of_task()) and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(cores, torch.get_num_threads()))
    try:
        if hydra_config.mode == RunMode.MULTIRUN:
            return run_sweep_job(
                folder,
                cfg.monitor,
                lambda: train_here_or_together(in_group_of_sweep(cfg, folder), folder, checkpoint),
                writes=first_process(),
                # SLURM then has the job as failed, and ends its other processes. A whole sweep within one job goes on.
                raises=uses_slurm(str(hydra_config.launcher._target_)),
            )
        monitor = train_here_or_together(cfg, folder, checkpoint)
    except CutShort as cut:
        leave_cut_short(cut, folder)
    except InputError as error:
        if hydra_config.mode == RunMode.MULTIRUN:
            raise
        if first_process():
            echo(f"train.py: {error}", err=True)
            # A run that began and could not go on, for want of space say, is there to be resumed.
            if new and not last.is_file():
                remove_run(folder, start)
        sys.exit(2)
    if first_process():
        print(folder, flush=True)  # noqa: T201
    return monitor


def with_paths_from(start: Path, cfg: DictConfig) -> DictConfig:
    """Resolve a configuration's relative paths, and the cache's, from the folder in which the program was started.

    Args:
        start: That folder, which ``hydra.job.chdir=true`` has left.
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


def in_group_of_sweep(cfg: DictConfig, folder: Path) -> DictConfig:
    """The configuration of a sweep's job: its loggers, where they group runs, group it with the sweep's others."""
    cfg = copy.deepcopy(cfg)
    for logger in (cfg.get("logger") or {}).values():
        if "group" in logger and logger.group is None:
            logger.group = folder.parent.name
    return cfg
