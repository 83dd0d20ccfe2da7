"""Objects that fit a run: LightningModule, DataModule, callbacks and trainer."""

import logging
import math
import re
import shlex
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.relevance import Relevance
from keyart.errors import InputError
from keyart.images.datamodule import PosterDataModule
from keyart.images.label_expansion import expand_labels
from keyart.images.samplers.base import Sampler
from keyart.images.samplers.classes import class_labels
from keyart.losses.memory import CrossBatchMemory
from keyart.models.embedder import Embedder
from keyart.training.callbacks.best_checkpoint import BestCheckpoint
from keyart.training.callbacks.evaluation import RetrievalEvaluation
from keyart.training.callbacks.last_checkpoint import LastCheckpoint
from keyart.training.callbacks.progress import PosterProgress
from keyart.training.experiment import Experiment, SamplerSettings, TrainerSettings
from keyart.training.module import EmbeddingModule
from keyart.training.prepare import PreparedData
from keyart.training.schedule import PhaseSchedule
from keyart.training.world_size import cluster_environment
from keyart.utils.checkpoint_files import AtomicCheckpointIO
from keyart.utils.program import train_command

log = logging.getLogger(__name__)


def build_memory(experiment: Experiment, prepared: PreparedData, embedder: Embedder) -> CrossBatchMemory | None:
    """Build the cross-batch memory; None if its size is 0."""
    size, start_step = experiment.memory
    if size == 0:
        return None
    head = embedder.head
    training = head.training
    head.eval()
    with torch.no_grad():
        parts = embedder.branches(torch.zeros(1, head.transformed_dim, device=next(head.parameters()).device))
    head.train(training)
    return CrossBatchMemory(
        size,
        start_step,
        width=sum(part.shape[1] for part in parts),
        genres=prepared.posters.catalogue.genres.shape[1],
        frozen_width=prepared.to_distil.shape[1] if experiment.loss.needs_frozen_features else 0,
    )


def build_module(experiment: Experiment, prepared: PreparedData, embedder: Embedder) -> EmbeddingModule:
    """Build the LightningModule, and the parameters of its loss."""
    genres = prepared.posters.catalogue.genres[prepared.positions("train")]
    loss, optimizer, schedule = experiment.loss, experiment.optimizer, experiment.schedule
    loss.build(embedder.branch_size, torch.from_numpy(genres.sum(axis=0)), len(genres))
    return EmbeddingModule(
        embedder,
        loss,
        Relevance.fit(experiment.relevance, genres),
        miner=experiment.miner,
        memory=build_memory(experiment, prepared, embedder),
        chunk_size=experiment.chunk_size,
        head_epochs=schedule.head_epochs,
        finetune_epochs=schedule.finetune_epochs,
        scheduler=schedule.scheduler,
        optimizer=optimizer.create,
        lr=optimizer.lr,
        backbone_lr=optimizer.backbone_lr,
        layer_decay=optimizer.layer_decay,
        frozen_share=optimizer.frozen_share,
        weight_decay=optimizer.weight_decay,
        precision=experiment.precision,
        seed=experiment.seed,
    )


def build_sampler(settings: SamplerSettings, train: Catalogue, seed: int) -> Sampler:
    """Build the sampler over the posters of the train split."""
    labels = {} if settings.column is None else {"labels": class_labels(train, settings.column)}
    genres = train.genres
    if settings.one_label:
        rows, expanded = expand_labels(genres)
        genres = np.eye(genres.shape[1], dtype=bool)[expanded]
        labels = {name: values[rows] for name, values in labels.items()}
    sampler = settings.create(genres=genres, seed=seed, **labels)
    # Samplers divide an epoch into equal batches; here the only batch of an epoch holds all posters.
    if settings.batch_size > sampler.num_posters:
        noun = "rows, one for each genre of a poster" if settings.one_label else "posters"
        log.warning(
            "sampler.batch_size=%d: the train split has %d %s, so each epoch is one step on a batch of %d; set"
            " sampler.batch_size=%d or less for several steps an epoch",
            *(settings.batch_size, sampler.num_posters, noun, sampler.num_posters, -(-sampler.num_posters // 2)),
        )
    return sampler


def build_data(experiment: Experiment, prepared: PreparedData) -> PosterDataModule:
    """Build the DataModule."""
    head_epochs, one_label = experiment.schedule.head_epochs, experiment.sampler.one_label
    train = prepared.posters.catalogue.select(prepared.positions("train"))
    return PosterDataModule(
        prepared.posters,
        prepared.splits,
        build_sampler(experiment.sampler, train, experiment.seed),
        augment=experiment.augment,
        features=prepared.transformed if head_epochs else None,
        features_are="transformed",
        frozen=prepared.to_distil if experiment.loss.needs_frozen_features else None,
        head_epochs=head_epochs,
        batch_size_eval=experiment.evaluation_batch_size,
        seed=experiment.seed,
        one_label=one_label,
    )


def build_callbacks(
    experiment: Experiment, folder: Path, prepared: PreparedData
) -> tuple[list[Callback], BestCheckpoint]:
    """Build the callbacks, and return the one that keeps the best checkpoint separately too.

    The callbacks are evaluation, checkpoints, early stopping and progress.
    """
    catalogue, settings = prepared.posters.catalogue, experiment.callbacks
    monitor, frozen = experiment.monitor, prepared.frozen["val"]
    if monitor.removeprefix("val/") not in frozen.summary:
        names = ", ".join(f"val/{name}" for name in sorted(frozen.summary) if not re.search("/genre/|/dedup", name))
        raise InputError(f"monitor={monitor}: no such metric is computed; choose one of {names}")
    if not math.isfinite(frozen.summary[monitor.removeprefix("val/")]):
        raise InputError(
            f"monitor={monitor}: it is undefined on the {len(prepared.positions('val'))} posters of val, since none"
            " of them has a relevant other; raise data.split.val, or give more posters"
        )
    best = BestCheckpoint(folder / "checkpoints", monitor)
    callbacks: list[Callback] = [
        RetrievalEvaluation(
            catalogue.genres,
            catalogue.ids,
            relevance=Relevance.fit(experiment.evaluation_relevance, catalogue.genres[prepared.positions("val")]),
            genre_names=catalogue.genre_names,
            years=catalogue.years,
            groups=prepared.posters.groups,
            frozen={"val": frozen},
            metrics=experiment.metrics,
            monitor=monitor.removeprefix("val/"),
        ),
        best,
        LastCheckpoint(folder / "checkpoints", settings.every_seconds, settings.every_n_steps),
    ]
    if settings.patience:
        callbacks.append(EarlyStopping(monitor, mode="max", patience=settings.patience))
    if settings.progress:
        callbacks.append(PosterProgress())
    return callbacks, best


def build_trainer(
    settings: TrainerSettings,
    schedule: PhaseSchedule,
    callbacks: list[Callback],
    loggers: list[Logger],
    folder: Path,
) -> lightning.Trainer:
    """Build Lightning's trainer."""
    try:
        return lightning.Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            strategy=strategy_for(settings, schedule),
            plugins=[AtomicCheckpointIO(), *([environment] if (environment := cluster_environment()) else [])],
            profiler=build_profiler(settings.profiler, folder),
            max_epochs=schedule.head_epochs + schedule.finetune_epochs,
            callbacks=callbacks,
            logger=loggers,
            default_root_dir=folder,
            use_distributed_sampler=False,
            enable_progress_bar=any(isinstance(one, PosterProgress) for one in callbacks),
            **settings.others,
        )
    except (MisconfigurationException, TypeError, ValueError) as error:
        raise InputError(f"trainer: lightning.Trainer refuses its arguments: {error}") from error


def build_profiler(kind: str | None, folder: Path) -> Profiler | None:
    """Build a profiler; it writes into the run's ``profile/`` and not into its log."""
    kinds = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
    return None if kind is None else kinds[kind](dirpath=folder / "profile", filename=kind)


def strategy_for(settings: TrainerSettings, schedule: PhaseSchedule) -> str:
    """Return Lightning's strategy.

    A run of both phases in several processes looks for unused parameters, because the backbone is frozen in the first.
    """
    strategy = settings.strategy
    if strategy not in ("auto", "ddp") or (settings.devices == 1 and settings.num_nodes == 1):
        return "auto" if strategy == "ddp" else strategy
    both = schedule.head_epochs > 0 and schedule.finetune_epochs > 0
    return "ddp_find_unused_parameters_true" if both else strategy


def log_early_end(trainer: lightning.Trainer, module: EmbeddingModule, best: ModelCheckpoint, folder: Path) -> None:
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
            "training stopped after %.0f s by trainer.max_time, at %s: %s; %s %s trainer.max_time=null"
            " continues from there",
            *(timers[0].time_elapsed(), at, kept, train_command(), shlex.quote(f"resume={folder}")),
        )
    elif any(isinstance(one, EarlyStopping) and one.stopped_epoch for one in callbacks):
        log.info("training stopped by callbacks.early_stopping.patience, at %s: %s", at, kept)
