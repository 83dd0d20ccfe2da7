"""From a composed configuration to a finished run: the one place under ``train.py`` that knows Hydra.

The steps follow the data: posters and splits, backbone and frozen features, head, training, judging, the run's files.
"""

import logging
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from onesheet.callbacks import CSVLog, PosterProgress, RetrievalEvaluation
from onesheet.catalogue import Relevance, check_learnable, make_splits, problems_table, read_catalogue
from onesheet.embedding import (
    Embedder,
    EmbeddingModule,
    MetricLoss,
    build_head,
    cached_features,
    create_backbone,
    embed,
)
from onesheet.errors import InputError
from onesheet.images import Augment, PosterDataModule, Posters, load_posters
from onesheet.retrieval import Judgement, PosterIndex, evaluate_retrieval, merge_frozen, per_query_table
from onesheet.run import describe_environment, write_json

if TYPE_CHECKING:
    from onesheet.images import Sampler

log = logging.getLogger(__name__)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that stands before the first step.

    Args:
        posters: The posters that will be used.
        splits: (N,) each poster's split.
        features: (N, D) features of the frozen backbone.
        frozen: The frozen backbone's own judgement on each of ``val`` and ``test``.
    """

    posters: Posters
    splits: np.ndarray
    features: torch.Tensor
    frozen: dict[str, Judgement]


def prepare_posters(cfg: DictConfig) -> tuple[Posters, np.ndarray]:
    """Read, check and split the posters that ``data`` names."""
    if cfg.data.name == "demo":
        from onesheet.catalogue.demo import demo_catalogue

        folder = demo_catalogue(n=cfg.data.posters)
        table, images = folder / "catalogue.csv", folder / "posters"
    else:
        table, images = Path(cfg.data.catalogue), Path(cfg.data.images) if cfg.data.images else None
    catalogue, problems = read_catalogue(table, images)
    height, width = cfg.data.image_size
    posters = load_posters(
        catalogue, problems, image_size=(height, width), on_bad_poster=cfg.data.on_bad_poster, progress=None
    )
    splits = make_splits(
        posters.catalogue,
        val=cfg.data.split.val,
        test=cfg.data.split.test,
        seed=cfg.data.split_seed,
        groups=posters.groups,
    )
    return posters, splits


def judge(
    embeddings: np.ndarray | torch.Tensor, posters: Posters, splits: np.ndarray, split: str, kind: str
) -> Judgement:
    """Judge one split's embeddings within that split, by the yardstick's own relation ``kind``."""
    at = np.flatnonzero(splits == split)
    part = posters.catalogue.select(at)
    return evaluate_retrieval(
        torch.as_tensor(embeddings)[at],
        part.genres,
        part.ids,
        relevance=Relevance.fit(kind, part.genres),
        genre_names=part.genre_names,
        years=part.years,
        groups=posters.groups[at],
    )


def make_module(cfg: DictConfig, embedder: Embedder, loss: MetricLoss, relevance: Relevance) -> EmbeddingModule:
    """The LightningModule of a configuration."""
    return EmbeddingModule(
        embedder,
        loss,
        relevance,
        head_epochs=cfg.training.head_epochs,
        finetune_epochs=cfg.training.finetune_epochs,
        lr=cfg.optimizer.lr,
        backbone_lr=cfg.optimizer.backbone_lr,
        layer_decay=cfg.optimizer.layer_decay,
        weight_decay=cfg.optimizer.weight_decay,
        warmup=cfg.scheduler.warmup,
        precision=cfg.training.precision,
        seed=cfg.seed,
    )


def make_callbacks(cfg: DictConfig, folder: Path, prepared: Prepared) -> list[Callback]:
    """Evaluation, checkpoints, early stopping, progress."""
    monitor = cfg.monitor
    known = [f"val/{name}" for name in prepared.frozen["val"].summary]
    if monitor not in known:
        raise InputError(f"monitor={monitor}: no such metric is computed; choose one of {', '.join(sorted(known)[:12])} …")
    at = np.flatnonzero(prepared.splits == "val")
    catalogue, checkpoints = prepared.posters.catalogue, folder / "checkpoints"
    callbacks: list[Callback] = [
        RetrievalEvaluation(
            catalogue.genres,
            catalogue.ids,
            relevance=Relevance.fit(cfg.evaluation.relevance, catalogue.genres[at]),
            genre_names=catalogue.genre_names,
            years=catalogue.years,
            groups=prepared.posters.groups,
            frozen={"val": prepared.frozen["val"]},
        ),
        ModelCheckpoint(checkpoints, filename="best", monitor=monitor, mode="max", enable_version_counter=False),
        ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False, save_on_train_epoch_end=True),
    ]
    if cfg.callbacks.checkpoint.every_n_steps:
        every = cfg.callbacks.checkpoint.every_n_steps
        callbacks.append(
            ModelCheckpoint(checkpoints, filename="last", enable_version_counter=False, every_n_train_steps=every)
        )
    if cfg.callbacks.early_stopping.patience:
        callbacks.append(EarlyStopping(monitor, mode="max", patience=cfg.callbacks.early_stopping.patience))
    if cfg.callbacks.progress:
        callbacks.append(PosterProgress())
    return callbacks


def make_loggers(cfg: DictConfig, folder: Path) -> list[Any]:
    """The CSV log, which is always written, and the logger that was asked for."""
    loggers: list[Any] = [CSVLog(folder)]
    if cfg.logger.get("build") is not None:
        loggers.append(instantiate(cfg.logger.build, save_dir=str(folder)))
    return loggers


def prepare(cfg: DictConfig) -> tuple[Prepared, Embedder]:
    """Posters, splits, frozen features and their judgement, and the embedder that will be trained."""
    posters, splits = prepare_posters(cfg)
    train = splits == "train"
    genres = posters.catalogue.genres
    check_learnable(genres[train], Relevance.fit(cfg.relevance.kind, genres[train]))
    lightning.seed_everything(cfg.seed, verbose=False)
    backbone = create_backbone(
        cfg.model.backbone, cfg.model.weights, pooling=cfg.model.pooling, image_size=tuple(cfg.data.image_size)
    )
    features = torch.as_tensor(
        np.asarray(
            cached_features(
                backbone, posters.pixels, precision=cfg.training.precision, batch_size=cfg.evaluation.batch_size
            )
        )
    )
    frozen_part = features[:, : backbone.num_features].float()
    frozen = {
        split: judge(frozen_part, posters, splits, split, cfg.evaluation.relevance) for split in ("val", "test")
    }
    lightning.seed_everything(cfg.seed, verbose=False)
    head = build_head(
        cfg.model.head,
        backbone.feature_dim,
        cfg.model.embedding_size,
        hidden_size=cfg.model.hidden_size,
        dropout=cfg.model.dropout,
    )
    head.fit(features[torch.from_numpy(train)].float())
    return Prepared(posters, splits, features, frozen), Embedder(backbone, head)


def final_embeddings(module: EmbeddingModule, prepared: Prepared, cfg: DictConfig) -> np.ndarray:
    """(N, E) embeddings of all posters by the trained embedder; from cached features where its backbone is untouched."""
    embedder = module.embedder.eval()
    if not module.backbone_trained:
        device = next(embedder.head.parameters()).device
        with torch.inference_mode():
            parts = [embedder.from_features(f.float().to(device)).cpu() for f in prepared.features.split(4096)]
        return torch.cat(parts).float().numpy()
    vectors = embed(
        embedder, prepared.posters.pixels, precision=cfg.training.precision, batch_size=cfg.evaluation.batch_size
    )
    return np.asarray(vectors, dtype=np.float32)


def finish(
    cfg: DictConfig, folder: Path, prepared: Prepared, module: EmbeddingModule, frozen_backbone: torch.nn.Module | None
) -> dict[str, float | None]:
    """Judge the best checkpoint and write all that a finished run holds; ``metrics.json`` comes last."""
    posters, splits = prepared.posters, prepared.splits
    embeddings = final_embeddings(module, prepared, cfg)
    metrics: dict[str, float | None] = {}
    tables = []
    for split in ("val", "test"):
        judgement = judge(embeddings, posters, splits, split, cfg.evaluation.relevance)
        metrics |= merge_frozen(judgement, prepared.frozen[split], split)
        tables.append(per_query_table(judgement, posters.catalogue.ids[splits == split], split))
    import pandas as pd

    pd.concat(tables, ignore_index=True).to_parquet(folder / "per_query.parquet", index=False)
    module.embedder.cpu().save(folder / "embedder", frozen_backbone=frozen_backbone)
    PosterIndex.build(embeddings, posters.catalogue, splits).save(folder / "index")
    write_json(folder / "metrics.json", metrics)
    return metrics


def train(cfg: DictConfig, folder: Path, checkpoint: Path | None = None) -> float:
    """Train and judge one run.

    Args:
        cfg: The composed configuration.
        folder: The run's folder; exists.
        checkpoint: Continue from here.

    Returns:
        The best value of ``monitor``.

    Raises:
        InputError: Something in the configuration or the data must be mended first.
    """
    torch.set_float32_matmul_precision("high")
    prepared, embedder = prepare(cfg)
    posters, splits = prepared.posters, prepared.splits
    at = np.flatnonzero(splits == "train")
    genres = posters.catalogue.genres
    relevance = Relevance.fit(cfg.relevance.kind, genres[at])
    loss: MetricLoss = instantiate(cfg.loss.build)
    loss.build(cfg.model.embedding_size, torch.from_numpy(genres[at].sum(0)), len(at))
    sampler: Sampler = instantiate(cfg.sampler.build)(genres=genres[at], seed=cfg.seed)
    frozen_backbone = None
    if cfg.training.finetune_epochs:
        import copy

        frozen_backbone = copy.deepcopy(embedder.backbone)
    data = PosterDataModule(
        posters,
        splits,
        sampler,
        augment=Augment.preset(cfg.augment.strength),
        features=prepared.features.float(),
        head_epochs=cfg.training.head_epochs,
        batch_size_eval=cfg.evaluation.batch_size,
        seed=cfg.seed,
    )
    module = make_module(cfg, embedder, loss, relevance)
    callbacks = make_callbacks(cfg, folder, prepared)
    loggers = make_loggers(cfg, folder)
    if rank_zero_only.rank == 0:
        write_inputs(cfg, folder, prepared)
    if checkpoint is not None:
        loggers[0].rewind(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])
    trainer = lightning.Trainer(
        accelerator=cfg.trainer.accelerator,
        devices=cfg.trainer.devices,
        num_nodes=cfg.trainer.num_nodes,
        strategy=cfg.trainer.strategy,
        profiler=cfg.trainer.profiler,
        max_time=cfg.trainer.max_time,
        gradient_clip_val=cfg.trainer.gradient_clip_val,
        check_val_every_n_epoch=cfg.trainer.check_val_every_n_epoch,
        max_epochs=cfg.training.head_epochs + cfg.training.finetune_epochs,
        callbacks=callbacks,
        logger=loggers,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_model_summary=False,
        enable_progress_bar=cfg.callbacks.progress,
        log_every_n_steps=10,
    )
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    best = callbacks[1]
    assert isinstance(best, ModelCheckpoint)
    if best.best_model_path:
        state = torch.load(best.best_model_path, map_location="cpu", weights_only=False)
        module.load_state_dict(state["state_dict"])
        module.on_load_checkpoint(state)
    if trainer.is_global_zero:
        metrics = finish(cfg, folder, prepared, module, frozen_backbone if module.backbone_trained else None)
        log_summary(metrics, cfg.monitor)
    return float(best.best_model_score) if best.best_model_score is not None else float("nan")


def write_inputs(cfg: DictConfig, folder: Path, prepared: Prepared) -> None:
    """Write what is known before the first step: configuration, environment, splits, what was skipped."""
    import pandas as pd

    posters = prepared.posters
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")
    dataset = {
        "catalogue": str(posters.catalogue.source.resolve()),
        "images": str(posters.catalogue.root.resolve()),
        "fingerprint": posters.catalogue.fingerprint(),
        "pixels": posters.pixels.digest,
        "posters": len(posters.catalogue),
        **{split: int((prepared.splits == split).sum()) for split in SPLITS},
    }
    write_json(folder / "environment.json", describe_environment(dataset))
    table = pd.DataFrame({"id": posters.catalogue.ids, "split": prepared.splits})
    table.to_csv(folder / "splits.csv", index=False)
    problems_table(posters.skipped).to_csv(folder / "skipped.csv", index=False)


def log_summary(metrics: dict[str, float | None], monitor: str) -> None:
    """Say in one line how the run did."""
    name = "test/" + monitor.removeprefix("val/")
    value, lift = metrics.get(name), metrics.get(f"{name}/lift")
    chance, frozen = metrics.get(f"{name}/chance"), metrics.get(f"{name}/frozen")
    if value is not None and chance is not None and frozen is not None:
        told = "undefined" if lift is None else f"{lift:.2f}"
        log.info("%s %.4f (chance %.4f, frozen backbone %.4f, lift %s)", name, value, chance, frozen, told)


def remove_run(folder: Path) -> None:
    """Remove a folder that holds no run, and its parents where they are empty now."""
    logging.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent.name in ("", "multirun") or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def train_in_hydra_folder(cfg: DictConfig) -> float:
    """Train in the folder that Hydra made, print its path last, and leave nothing behind for bad input."""
    hydra_config = HydraConfig.get()
    folder = Path(hydra_config.runtime.output_dir).resolve()
    last = folder / "checkpoints" / "last.ckpt"
    checkpoint = last if last.is_file() else None
    try:
        monitor = train(cfg, folder, checkpoint)
    except InputError as error:
        if rank_zero_only.rank == 0:
            print(f"train.py: {error}", file=sys.stderr)  # noqa: T201
            if checkpoint is None:
                remove_run(folder)
        sys.exit(2)
    if rank_zero_only.rank == 0 and hydra_config.mode == RunMode.RUN:
        print(folder, flush=True)  # noqa: T201
    return monitor
