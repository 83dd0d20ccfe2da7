"""Typed settings of one run, which `keyart.training.build` reads from the configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keyart.catalogue.relevance import RelevanceKind
from keyart.images.augment import Augment
from keyart.images.samplers.base import Sampler
from keyart.losses.base import MetricLoss
from keyart.losses.miners.base import Miner
from keyart.training.parameter_groups import OptimizerFactory
from keyart.training.schedule import PhaseSchedule


@dataclass(frozen=True)
class DataSettings:
    """The posters of a run.

    Args:
        catalogue: Table of posters; None: demo posters, which are rendered if they do not exist yet.
        images: Folder of its images; None: the table's own folder.
        demo_posters: Number of demo posters.
        image_size: Height and width in pixels.
        on_bad_poster: Handling of posters that cannot be used.
        val: Share of the val split.
        test: Share of the test split.
        split_seed: Seed of the splits.
    """

    catalogue: Path | None = None
    images: Path | None = None
    demo_posters: int = 1200
    image_size: tuple[int, int] = (256, 176)
    on_bad_poster: Literal["error", "skip"] = "error"
    val: float = 0.1
    test: float = 0.2
    split_seed: int = 0


@dataclass(frozen=True)
class ModelSettings:
    """The embedder: arguments of `create_backbone` and `build_head`.

    Args:
        backbone: Names of one or several timm models.
        weights: ``pretrained``, ``none`` or a file.
        pooling: Name of the pooling, see `Backbone`.
        flip_average: Whether to average the columns that the pooling adds over a poster and its mirror image.
        multiscale_size: Height and width to which posters are resized for these columns; None: not resized.
        head: Kind of head.
        embedding_size: Width of the learned vector.
        head_arguments: Other arguments of `build_head`.
        output_size: Width of the final embedding; None: that of the head.
    """

    backbone: list[str]
    weights: str
    pooling: str
    flip_average: bool
    multiscale_size: tuple[int, int] | None
    head: str
    embedding_size: int
    head_arguments: Mapping[str, Any]
    output_size: int | None


@dataclass(frozen=True)
class SamplerSettings:
    """The sampler, which is created when the genres of the train split are known.

    Args:
        create: Creates the sampler from ``genres``, ``seed`` and, with a column, ``labels``.
        batch_size: Number of posters per batch, over all processes.
        column: Column whose values are the classes; None: the sampler takes no labels.
        one_label: Whether to repeat each poster for each of its genres.
    """

    create: Callable[..., Sampler]
    batch_size: int
    column: str | None = None
    one_label: bool = False


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer and its learning rates; see `EmbeddingModule`."""

    create: OptimizerFactory
    lr: float
    backbone_lr: float
    layer_decay: float
    frozen_share: float
    weight_decay: float


@dataclass(frozen=True)
class TrainerSettings:
    """Arguments of ``lightning.Trainer``.

    Args:
        accelerator: Kind of device.
        devices: Number of processes per machine, ``auto``, or numbers of the devices.
        num_nodes: Number of machines.
        strategy: Lightning's strategy.
        profiler: ``simple``, ``advanced`` or ``pytorch``; None: no profiler.
        others: All other arguments.
    """

    accelerator: str
    devices: int | str | list[int]
    num_nodes: int
    strategy: str
    profiler: str | None
    others: Mapping[str, Any]


@dataclass(frozen=True)
class CallbackSettings:
    """Settings of the callbacks.

    Args:
        progress: Whether to show progress.
        report: Whether to draw gallery, pictures and report at the end.
        patience: Number of validations without improvement after which training stops; None: no early stopping.
        every_seconds: Minimum time between two writes of ``last.ckpt``.
        every_n_steps: Number of steps between two writes of it; None: only at ends of epochs.
    """

    progress: bool
    report: bool
    patience: int | None
    every_seconds: float
    every_n_steps: int | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """Complete settings of one run.

    Args:
        seed: Seed of initialisation, order and augmentation.
        monitor: Validation metric ``val/…`` that selects the best checkpoint.
        data: The posters.
        model: The embedder.
        relevance: Kind of relevance in training.
        sampler: Composition of the batches.
        augment: Augmentation in fine-tuning.
        loss: The loss, whose parameters are not built yet.
        miner: Selects the pairs that the loss uses.
        memory: Number of posters in the cross-batch memory, and the step from which it is used.
        schedule: Epochs of both phases, and the learning rate within them.
        optimizer: Optimizer and rates.
        teacher: Folder of the run whose similarities the loss distils; None: the frozen backbone's.
        chunk_size: Number of posters that pass through the backbone at once in fine-tuning; None: the whole batch.
        precision: Precision of the backbone.
        evaluation_relevance: Kind of relevance of the metrics.
        evaluation_batch_size: Batch size for embedding.
        metrics: Names of the metrics to compute.
        trainer: Arguments of Lightning's trainer.
        callbacks: Settings of the callbacks.
        loggers: Each creates a logger from ``save_dir``.
        config: The resolved configuration, as the run's ``config.yaml`` and loggers record it.
    """

    seed: int
    monitor: str
    data: DataSettings
    model: ModelSettings
    relevance: RelevanceKind
    sampler: SamplerSettings
    augment: Augment
    loss: MetricLoss
    miner: Miner
    memory: tuple[int, int]
    schedule: PhaseSchedule
    optimizer: OptimizerSettings
    teacher: Path | None
    chunk_size: int | None
    precision: str
    evaluation_relevance: RelevanceKind
    evaluation_batch_size: int
    metrics: Sequence[str]
    trainer: TrainerSettings
    callbacks: CallbackSettings
    loggers: Sequence[Callable[..., Any]]
    config: Mapping[str, Any]
