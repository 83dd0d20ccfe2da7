"""Training of one run, from a composed configuration to a finished run folder."""

import copy
import logging
import shlex
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.training.artifacts import describe_dataset, finish, write_inputs
from keyart.training.build import make_callbacks, make_data, make_loggers, make_module, make_profiler, prepare
from keyart.training.callbacks.pruning import Pruning
from keyart.training.interruption import StopOnSignal
from keyart.training.loggers.run_logger import RunResults, finishing, log_results, rewind_loggers
from keyart.training.module import EmbeddingModule
from keyart.training.resume import check_same_config, check_same_dataset
from keyart.training.trainer_arguments import extra_arguments
from keyart.training.world_size import cluster_environment
from keyart.utils.allocator import keep_freed_memory
from keyart.utils.checkpoint_files import CheckpointFiles, read_checkpoint

if TYPE_CHECKING:
    from keyart.runs.sweep.study import TrialReporter

log = logging.getLogger(__name__)


def quieten() -> None:
    """Filter out messages of other libraries that do not help the user."""
    for text in (
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*is smaller than the logging interval.*",
        # Every process computes the loss over the rows of all.
        ".*recommended to use `self.log\\(.*sync_dist=True.*",
        # Appears when a run resumes without the time limit that ended it.
        ".*callbacks used to create the checkpoint need to be provided.*",
        # A machine may have SLURM although this run does not use it.
        ".*`srun` command is available.*",
    ):
        warnings.filterwarnings("ignore", message=text)
    # This logger prints twice per run that keyart's checkpoints are loaded through its own plugin.
    logging.getLogger("lightning.pytorch.trainer.connectors.checkpoint_connector").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.utilities.distributed").setLevel(logging.WARNING)


def first_process() -> bool:
    """Return whether this process has rank 0 and so writes files and logs; valid before the trainer exists."""
    return not getattr(rank_zero_only, "rank", 0)


def strategy_for(cfg: DictConfig) -> str:
    """Return Lightning's strategy for a configuration.

    A run of both phases in several processes looks for unused parameters, because the backbone is frozen in the first.
    """
    strategy = str(cfg.trainer.strategy)
    if strategy not in ("auto", "ddp") or (cfg.trainer.devices == 1 and cfg.trainer.num_nodes == 1):
        return "auto" if strategy == "ddp" else strategy
    both = cfg.training.head_epochs > 0 and cfg.training.finetune_epochs > 0
    return "ddp_find_unused_parameters_true" if both else strategy


def train(
    cfg: DictConfig,
    folder: Path,
    checkpoint: Path | None = None,
    stop: StopOnSignal | None = None,
    reporter: "TrialReporter | None" = None,
) -> float:
    """Train and evaluate one run.

    Args:
        cfg: The composed configuration.
        folder: The run's folder, which must exist.
        checkpoint: Checkpoint to resume from; None: start a new run.
        stop: Callback that handles stop signals; None: signals are not handled.
        reporter: Reports each validation to the search that this run is a trial of; None: the run is not a trial.

    Returns:
        The best value of ``monitor``; NaN if nothing was validated.

    Raises:
        InputError: The configuration or the data is invalid.
        CutShort: A signal stopped the run; ``checkpoints/last.ckpt`` holds what was trained.
        TrialPruned: The search stopped this run.
    """
    quieten()
    keep_freed_memory()
    torch.set_float32_matmul_precision("high")
    if cfg.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise InputError(
            f"trainer.accelerator={cfg.trainer.accelerator}: torch finds no GPU here; take trainer=auto or cpu"
        )
    # Read first, so that an unreadable checkpoint is rejected before anything is computed.
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
    callbacks += [Pruning(reporter, cfg.monitor)] if reporter is not None else []
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
    """Log why training ended before its last step, which weights are evaluated, and how to resume."""
    epochs = module.schedule.head_epochs + module.schedule.finetune_epochs
    steps = epochs * -(-int(trainer.num_training_batches) // trainer.accumulate_grad_batches)
    if trainer.global_step >= steps:
        return
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    timers = [one for one in callbacks if isinstance(one, Timer) and (one.time_remaining() or 0) <= 0]
    per_epoch = steps // epochs
    at = f"epoch {-(-trainer.global_step // per_epoch)} of {epochs}, step {trainer.global_step} of {steps}"
    score = best.best_model_score
    kept = (
        "nothing was validated, so its last weights are evaluated"
        if score is None
        else f"the best so far ({best.monitor} {float(score):.4f}) is evaluated"
    )
    if timers:
        log.warning(
            "training stopped after %.0f s by trainer.max_time, at %s: %s; python train.py %s trainer.max_time=null"
            " goes on from there",
            *(timers[0].time_elapsed(), at, kept, shlex.quote(f"resume={folder}")),
        )
    elif any(isinstance(one, EarlyStopping) and one.stopped_epoch for one in callbacks):
        log.info("training stopped by callbacks.early_stopping.patience, at %s: %s", at, kept)


def log_summary(results: RunResults, monitor: str) -> None:
    """Log the run's test result in one line."""
    name = "test/" + monitor.removeprefix("val/")
    value, chance, frozen, lift = (results.metrics.get(name + end) for end in ("", "/chance", "/frozen", "/lift"))
    if value is not None and chance is not None and frozen is not None:
        told = "undefined" if lift is None else f"{lift:.2f}"
        log.info("%s %.4f (chance %.4f, frozen backbone %.4f, lift %s)", name, value, chance, frozen, told)
