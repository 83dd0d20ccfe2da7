"""Training of one run, from a composed configuration to a finished run folder: prepare, fit, evaluate, write."""

import copy
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from omegaconf import DictConfig

from keyart.training.artifacts import describe_dataset, write_inputs, write_results
from keyart.training.build import build
from keyart.training.callbacks.pruning import Pruning
from keyart.training.evaluate import evaluate
from keyart.training.fit import build_callbacks, build_data, build_module, build_trainer, log_early_end
from keyart.training.interruption import StopOnSignal
from keyart.training.loggers.completed_epoch import completed_epoch, log_completed_epoch
from keyart.training.loggers.csv_log import CSVLog
from keyart.training.loggers.run_logger import finishing, log_results, rewind_loggers
from keyart.training.prepare import prepare
from keyart.training.resume import check_same_config, check_same_dataset
from keyart.training.world_size import is_rank_zero
from keyart.utils.checkpoint_files import read_checkpoint

if TYPE_CHECKING:
    from keyart.runs.sweep.study import TrialReporter

log = logging.getLogger(__name__)


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
        TrainingInterrupted: A signal stopped the run; ``checkpoints/last.ckpt`` holds what was trained.
        TrialPruned: The search stopped this run.
    """
    filter_warnings()
    torch.set_float32_matmul_precision("high")
    experiment = build(cfg)
    # Read first, so that an unreadable checkpoint is rejected before anything is computed.
    begun = None if checkpoint is None else read_checkpoint(checkpoint)
    resumed_at, epoch_row = (None, None) if begun is None else (int(begun["global_step"]), completed_epoch(begun))
    del begun

    # Prepare.
    prepared, embedder = prepare(experiment)
    if checkpoint is not None:
        check_same_config(folder, experiment.config)
        check_same_dataset(folder, describe_dataset(prepared))
    frozen_backbone = copy.deepcopy(embedder.backbone) if experiment.schedule.finetune_epochs else None
    module = build_module(experiment, prepared, embedder)
    callbacks, best = build_callbacks(experiment, folder, prepared)
    callbacks += [stop] if stop is not None else []
    callbacks += [Pruning(reporter, experiment.monitor)] if reporter is not None else []
    data = build_data(experiment, prepared)
    loggers = [CSVLog(folder), *(create(save_dir=str(folder)) for create in experiment.loggers)]
    if is_rank_zero():
        write_inputs(experiment, folder, prepared, embedder)
    if resumed_at is not None:
        rewind_loggers(loggers, resumed_at)

    with finishing(loggers):
        # Fit.
        trainer = build_trainer(experiment.trainer, experiment.schedule, callbacks, loggers, folder)
        for logger in loggers:
            logger.log_hyperparams(dict(experiment.config))
        if resumed_at is not None and epoch_row is not None:
            log_completed_epoch(loggers, resumed_at - 1, epoch_row)
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        except SystemExit as end:
            # Lightning ends the process after Ctrl-C.
            raise (end.__context__ if isinstance(end.__context__, KeyboardInterrupt) else end) from None
        trainer.strategy.barrier()
        log_early_end(trainer, module, best, folder)
        if best.best_model_path:
            state = read_checkpoint(best.path)
            module.load_state_dict(state["state_dict"])
            module.on_load_checkpoint(state)

        # Evaluate and write.
        if trainer.is_global_zero:
            for logger in loggers:
                logger.save()
            evaluated = evaluate(experiment, prepared, module)
            log_summary(evaluated.metrics, experiment.monitor)  # before the report, which takes a while
            changed = frozen_backbone if module.backbone_trained else None
            results = write_results(experiment, folder, prepared, module.embedder, evaluated, changed)
            if stop is not None:
                stop.complete()
            log_results(loggers, results)
    return float(best.best_model_score) if best.best_model_score is not None else float("nan")


def filter_warnings() -> None:
    """Filter out messages of other libraries that do not help the user."""
    for text in (
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*isinstance\\(treespec, LeafSpec\\).*",
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*is smaller than the logging interval.*",
        ".*requested to overfit but enabled .* shuffling.*",
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


def log_summary(metrics: Mapping[str, float | None], monitor: str) -> None:
    """Log the run's test result in one line."""
    name = "test/" + monitor.removeprefix("val/")
    value, chance, frozen, lift = (metrics.get(name + end) for end in ("", "/chance", "/frozen", "/lift"))
    if value is not None and chance is not None and frozen is not None:
        text = (
            "undefined: the frozen backbone is not above chance by more than noise" if lift is None else f"{lift:.2f}"
        )
        log.info("%s %.4f (chance %.4f, frozen backbone %.4f, lift %s)", name, value, chance, frozen, text)
