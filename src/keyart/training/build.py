"""Construction of the objects that a composed configuration describes, such as posters, embedder, loss and loggers."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from omegaconf import DictConfig

from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.relevance import Relevance, check_learnable
from keyart.catalogue.splits import make_splits
from keyart.errors import InputError
from keyart.images.augment import Augment
from keyart.images.datamodule import PosterDataModule
from keyart.images.duplicates import near_duplicate_chains
from keyart.images.expand_labels import one_label_rows
from keyart.images.posters import Posters, load_posters
from keyart.images.samplers.base import Sampler
from keyart.images.samplers.classes import class_labels
from keyart.losses.base import MetricLoss
from keyart.losses.memory import CrossBatchMemory
from keyart.metrics.registry import DEFAULT_METRICS
from keyart.metrics.result import RetrievalResult
from keyart.models.backbone import Backbone
from keyart.models.backbone_factory import check_backbone, create_backbone
from keyart.models.embedder import Embedder
from keyart.models.feature_cache import cached_features
from keyart.models.head_cache import fit_head
from keyart.models.heads.base import Head
from keyart.models.heads.build import build_head, parameters_of
from keyart.models.heads.reduced import check_output_size
from keyart.runs.evaluation.posters import judge
from keyart.training.callbacks.best_checkpoint import BestCheckpoint
from keyart.training.callbacks.evaluation import RetrievalEvaluation
from keyart.training.callbacks.last_checkpoint import LastCheckpoint
from keyart.training.callbacks.progress import PosterProgress
from keyart.training.loggers.csv_log import CSVLog
from keyart.training.module import EmbeddingModule
from keyart.utils.progress import progress_bar

log = logging.getLogger(__name__)


def made(node: DictConfig, **extra: Any) -> Any:
    """Instantiate a ``build`` node of the configuration, and raise its errors as `InputError`.

    Raises:
        InputError: The class rejected an argument.
    """
    try:
        return instantiate(node, **extra)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from None
        raise InputError(str(error)) from error


@dataclass(frozen=True, eq=False)
class Prepared:
    """Data that is ready before the first training step.

    Args:
        posters: The N posters that will be used.
        splits: (N,) split of each poster.
        features: (N, D) features of the frozen backbone, memory-mapped.
        pooled: (N, F) the first columns of these: the backbone's own pooled features.
        transformed: (N, C) features after the head's fixed part: the input of its trained part.
        frozen: Results of the frozen backbone on ``val`` and ``test``.
    """

    posters: Posters
    splits: np.ndarray
    features: np.ndarray
    pooled: torch.Tensor
    transformed: torch.Tensor
    frozen: dict[str, RetrievalResult]

    def positions(self, split: str) -> np.ndarray:
        """Return the positions of a split's posters in the catalogue."""
        return np.flatnonzero(self.splits == split)


def find_posters(cfg: DictConfig) -> tuple[Path, Path | None]:
    """Return the table of posters and its folder of images; render the demo posters if they do not exist yet."""
    if cfg.data.name != "demo":
        return Path(cfg.data.catalogue), Path(cfg.data.images) if cfg.data.images else None
    from keyart.catalogue.demo import demo_catalogue

    with progress_bar("rendering demo posters") as report:
        folder = demo_catalogue(n=cfg.data.posters, progress=report)
    return folder / "catalogue.csv", folder / "posters"


def prepare_posters(cfg: DictConfig) -> tuple[Posters, np.ndarray]:
    """Read, check and split the posters that ``data`` names."""
    table, images = find_posters(cfg)
    catalogue, problems = read_catalogue(table, images)
    height, width = cfg.data.image_size
    with progress_bar("decoding posters") as report:
        posters = load_posters(
            catalogue, problems, image_size=(height, width), on_bad_poster=cfg.data.on_bad_poster, progress=report
        )
    log.info("%s: %s", catalogue.source, posters.account)
    for remark in catalogue.remarks:
        if remark.row == 1:  # the reader has already logged its assumptions about other lines
            log.warning("%s: %s; %s", catalogue.source, remark.detail, remark.mend)
    if posters.skipped:
        log.warning("%d problems in the catalogue; the run's skipped.csv lists them", len(posters.skipped))
    splits = make_splits(
        posters.catalogue,
        val=cfg.data.split.val,
        test=cfg.data.split.test,
        seed=cfg.data.split_seed,
        groups=near_duplicate_chains(posters.pixels),
    )
    return posters, splits


def prepare(cfg: DictConfig) -> tuple[Prepared, Embedder]:
    """Prepare posters, splits, frozen features with their results, and the embedder to train.

    Raises:
        InputError: The configuration or the data is invalid.
    """
    check_backbone(cfg.model.backbone, cfg.model.weights, cfg.model.pooling)
    if cfg.model.weights == "none" and not cfg.training.finetune_epochs:
        log.warning(
            "model.weights=none and training.finetune_epochs=0: the backbone's weights are random and stay so, and the"
            " head learns from random features; set model.weights=pretrained, or training.finetune_epochs above 0"
        )
    posters, splits = prepare_posters(cfg)
    train = splits == "train"
    genres = posters.catalogue.genres
    check_learnable(
        genres[train], Relevance.fit(cfg.relevance.kind, genres[train]), source=str(posters.catalogue.source)
    )
    lightning.seed_everything(cfg.seed, verbose=False)
    height, width = cfg.data.image_size
    backbone = create_backbone(
        cfg.model.backbone,
        cfg.model.weights,
        pooling=cfg.model.pooling,
        image_size=(height, width),
        flip_average=cfg.model.flip_average,
        bank_size=tuple(cfg.model.bank_size) if cfg.model.bank_size else None,
    )
    with progress_bar("frozen features") as report:
        mapped = cached_features(
            backbone,
            posters.pixels,
            precision=cfg.training.precision,
            batch_size=cfg.evaluation.batch_size,
            progress=report,
        )
    pooled = torch.from_numpy(np.array(mapped[:, : backbone.num_features]))
    frozen = {
        split: judge(pooled, posters, cfg.evaluation.relevance, np.flatnonzero(splits == split), cfg.evaluation.metrics)
        for split in ("val", "test")
    }
    lightning.seed_everything(cfg.seed, verbose=False)
    embedder = Embedder(backbone, make_head(cfg, backbone))
    log.info("%s", embedding_line(embedder.head, cfg.model.output_size))
    transformed = fit_head(embedder, mapped, train, genres)
    return Prepared(posters, splits, mapped, pooled, transformed, frozen), embedder


def embedding_line(head: Head, output_size: int | None) -> str:
    """Return a log line with the size of an embedding and of its branches.

    Raises:
        InputError: ``output_size`` exceeds the size of the head's output.
    """
    sizes = head.branch_sizes
    line = f"embedding: {sum(sizes.values()):,} numbers a poster"
    if len(sizes) > 1 or head.part_size != head.embedding_size:
        networks = sizes["learned"] // head.part_size
        named = {"learned": f"learned {networks} × {head.part_size}" if networks > 1 else f"learned {head.part_size}"}
        named |= {name: f"{name} {size:,}" for name, size in sizes.items() if name != "learned"}
        line += f" ({', '.join(named.values())})"
    if output_size is None:
        return line
    check_output_size(output_size, head)
    return f"{line}, of which model.output_size={output_size} keeps the leading {output_size} principal components"


def make_head(cfg: DictConfig, backbone: Backbone) -> Head:
    """Build the head that ``model`` configures; it is not fitted yet."""
    model = cfg.model
    return build_head(
        model.head,
        backbone.groups,
        model.embedding_size,
        components=model.components,
        rotate=model.rotate,
        kernel=model.kernel,
        seen=model.seen,
        relation=cfg.relevance.kind,
        **{name: model[name] for name in parameters_of(model.head) if name in model},
    )


def make_loss(cfg: DictConfig, prepared: Prepared, embedder: Embedder) -> MetricLoss:
    """Build the configured loss, including its parameters."""
    loss: MetricLoss = made(cfg.loss.build)
    train = prepared.positions("train")
    counts = torch.from_numpy(prepared.posters.catalogue.genres[train].sum(axis=0))
    loss.build(embedder.part_size, counts, len(train))
    return loss


def make_memory(cfg: DictConfig, prepared: Prepared, embedder: Embedder, loss: MetricLoss) -> CrossBatchMemory | None:
    """Build the configured cross-batch memory; None if its size is 0."""
    if cfg.memory.size == 0:
        return None
    head = embedder.head
    training = head.training
    head.eval()
    with torch.no_grad():
        parts = embedder.parts(torch.zeros(1, head.transformed_dim, device=next(head.parameters()).device))
    head.train(training)
    return CrossBatchMemory(
        cfg.memory.size,
        cfg.memory.start_step,
        width=sum(part.shape[1] for part in parts),
        genres=prepared.posters.catalogue.genres.shape[1],
        frozen_width=embedder.backbone.num_features if loss.needs_frozen else 0,
    )


def make_module(cfg: DictConfig, prepared: Prepared, embedder: Embedder) -> EmbeddingModule:
    """Build the LightningModule of a configuration."""
    train = prepared.positions("train")
    loss = make_loss(cfg, prepared, embedder)
    return EmbeddingModule(
        embedder,
        loss,
        Relevance.fit(cfg.relevance.kind, prepared.posters.catalogue.genres[train]),
        miner=made(cfg.miner.build),
        memory=make_memory(cfg, prepared, embedder, loss),
        chunk_size=cfg.training.chunk_size,
        head_epochs=cfg.training.head_epochs,
        finetune_epochs=cfg.training.finetune_epochs,
        lr=cfg.optimizer.lr,
        backbone_lr=cfg.optimizer.backbone_lr,
        layer_decay=cfg.optimizer.layer_decay,
        frozen_share=cfg.optimizer.frozen_share,
        weight_decay=cfg.optimizer.weight_decay,
        warmup=cfg.scheduler.warmup,
        precision=cfg.training.precision,
        seed=cfg.seed,
    )


def make_sampler(cfg: DictConfig, prepared: Prepared) -> Sampler:
    """Build the configured sampler over the train split."""
    train = prepared.posters.catalogue.select(prepared.positions("train"))
    given = {} if cfg.sampler.get("column") is None else {"labels": class_labels(train, cfg.sampler.column)}
    genres = train.genres
    if cfg.sampler.one_label:
        rows, labels = one_label_rows(genres)
        genres = np.eye(genres.shape[1], dtype=bool)[labels]
        given = {name: values[rows] for name, values in given.items()}
    sampler: Sampler = made(cfg.sampler.build)(genres=genres, seed=cfg.seed, **given)
    # Samplers divide an epoch into equal batches; here the only batch of an epoch holds all posters.
    if cfg.sampler.batch_size > sampler.num_posters:
        noun = "rows, one for each genre of a poster" if cfg.sampler.one_label else "posters"
        log.warning(
            "sampler.batch_size=%d: the train split has %d %s, so each epoch is one step on a batch of %d; set"
            " sampler.batch_size=%d or less for several steps an epoch",
            *(cfg.sampler.batch_size, sampler.num_posters, noun, sampler.num_posters, -(-sampler.num_posters // 2)),
        )
    return sampler


def make_data(cfg: DictConfig, prepared: Prepared, loss: MetricLoss) -> PosterDataModule:
    """Build the DataModule of a configuration."""
    # A loss that needs the frozen features reads them from the first columns of the unreduced features.
    features = torch.from_numpy(np.array(prepared.features)) if loss.needs_frozen else prepared.transformed
    return PosterDataModule(
        prepared.posters,
        prepared.splits,
        make_sampler(cfg, prepared),
        augment=Augment.preset(cfg.augment.strength),
        features=features if cfg.training.head_epochs else None,
        features_are="features" if loss.needs_frozen else "transformed",
        head_epochs=cfg.training.head_epochs,
        batch_size_eval=cfg.evaluation.batch_size,
        seed=cfg.seed,
        one_label=cfg.sampler.one_label,
    )


def make_callbacks(cfg: DictConfig, folder: Path, prepared: Prepared) -> tuple[list[Callback], BestCheckpoint]:
    """Build the callbacks, and return the one that keeps the best checkpoint separately too.

    The callbacks are evaluation, checkpoints, early stopping and progress.

    Raises:
        InputError: ``monitor`` is not a metric that is computed, or it is undefined on the val split.
    """
    catalogue = prepared.posters.catalogue
    known = [f"val/{name}" for name in prepared.frozen["val"].summary]
    if cfg.monitor not in known:
        told = ", ".join(sorted(name for name in known if "/genre/" not in name and "/dedup" not in name))
        raise InputError(f"monitor={cfg.monitor}: no such metric is computed; choose one of {told}")
    if not math.isfinite(prepared.frozen["val"].summary[cfg.monitor.removeprefix("val/")]):
        raise InputError(
            f"monitor={cfg.monitor}: it is undefined on the {len(prepared.positions('val'))} posters of val, since none"
            " of them has a relevant other; raise data.split.val, or give more posters"
        )
    checkpoints = folder / "checkpoints"
    best = BestCheckpoint(checkpoints, cfg.monitor)
    callbacks: list[Callback] = [
        RetrievalEvaluation(
            catalogue.genres,
            catalogue.ids,
            relevance=Relevance.fit(cfg.evaluation.relevance, catalogue.genres[prepared.positions("val")]),
            genre_names=catalogue.genre_names,
            years=catalogue.years,
            groups=prepared.posters.groups,
            frozen={"val": prepared.frozen["val"]},
            metrics=DEFAULT_METRICS if cfg.evaluation.metrics is None else cfg.evaluation.metrics,
            monitor=cfg.monitor.removeprefix("val/"),
        ),
        best,
        LastCheckpoint(checkpoints, cfg.callbacks.checkpoint.every_seconds, cfg.callbacks.checkpoint.every_n_steps),
    ]
    if patience := cfg.callbacks.early_stopping.patience:
        callbacks.append(EarlyStopping(cfg.monitor, mode="max", patience=patience))
    if cfg.callbacks.progress:
        callbacks.append(PosterProgress())
    return callbacks, best


def make_loggers(cfg: DictConfig, folder: Path) -> list[Any]:
    """Build the CSV log, which is always written, and the configured loggers."""
    chosen = (cfg.get("logger") or {}).values()
    return [CSVLog(folder), *(made(one.build, save_dir=str(folder)) for one in chosen if one and one.build)]


def make_profiler(cfg: DictConfig, folder: Path) -> Profiler | None:
    """Build the configured profiler; it writes into the run's ``profile/`` and not into its log."""
    kinds = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}
    kind = kinds.get(cfg.trainer.profiler)
    return None if kind is None else kind(dirpath=folder / "profile", filename=cfg.trainer.profiler)
