"""What one run trains, as typed values: the form in which `keyart.training.build` hands a configuration on."""

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
        catalogue: The table of posters; None: demo posters, which are rendered where they do not exist yet.
        images: The folder of its images; None: the table's own.
        demo_posters: Number of demo posters.
        image_size: Height and width in pixels.
        on_bad_poster: What to do with a poster that cannot be used.
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
        backbone: Name of a timm model.
        weights: ``pretrained``, ``none`` or a file.
        pooling: Which numbers of the backbone the head gets.
        flip_average: Whether these are averaged over a poster and its mirror image.
        multiscale_size: Height and width that posters are resized to for these; None: as they are.
        head: Kind of head.
        embedding_size: Width of the learned vector.
        head_arguments: Other arguments of `build_head`.
        output_size: Numbers of a finished embedding; None: all that the head has.
    """

    backbone: str
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
    """The sampler, which is built when the genres of the train split are known.

    Args:
        create: Creates it from ``genres``, ``seed`` and, with a column, ``labels``.
        batch_size: Posters in a batch, over all processes.
        column: The column whose values are its classes; None: it takes no labels.
        one_label: Whether each poster is repeated for each of its genres.
    """

    create: Callable[..., Sampler]
    batch_size: int
    column: str | None = None
    one_label: bool = False


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer and its rates; see `EmbeddingModule`."""

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
        devices: Number of processes on a machine, ``auto``, or the devices' numbers.
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
    """What happens beside the steps.

    Args:
        progress: Whether progress is shown.
        report: Whether gallery, pictures and report are drawn at the end.
        patience: Validations without a better monitor after which training stops; None: it does not stop early.
        every_seconds: Least time between two writes of ``last.ckpt``.
        every_n_steps: Steps between two writes of it; None: at the ends of epochs alone.
    """

    progress: bool
    report: bool
    patience: int | None
    every_seconds: float
    every_n_steps: int | None


@dataclass(frozen=True, eq=False)
class Experiment:
    """All that one run needs to know.

    Args:
        seed: Seed of initialisation, order and augmentation.
        monitor: Metric of the val split that picks the best checkpoint, ``val/…``.
        data: The posters.
        model: The embedder.
        relevance: Kind of relevance in training.
        sampler: What a batch holds.
        augment: Changes of the pixels in fine-tuning.
        loss: The loss, whose parameters are not built yet.
        miner: Selects the pairs that the loss uses.
        memory: Number of posters of earlier batches to compare with, and the step from which on.
        schedule: Epochs of both phases, and the learning rate within them.
        optimizer: Optimizer and rates.
        chunk_size: Posters at once through the backbone in fine-tuning; None: the whole batch.
        precision: Precision of the backbone.
        evaluation_relevance: Kind of relevance of the metrics.
        evaluation_batch_size: Posters at once when embedding.
        metrics: Names of the metrics to compute.
        trainer: Arguments of Lightning's trainer.
        callbacks: What happens beside the steps.
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
    chunk_size: int | None
    precision: str
    evaluation_relevance: RelevanceKind
    evaluation_batch_size: int
    metrics: Sequence[str]
    trainer: TrainerSettings
    callbacks: CallbackSettings
    loggers: Sequence[Callable[..., Any]]
    config: Mapping[str, Any]
