"""Preparation of a run: posters, splits, frozen features with their results, and the embedder to train."""

import logging
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.relevance import Relevance, check_learnable
from keyart.catalogue.splits import make_splits
from keyart.errors import InputError
from keyart.images.duplicates import near_duplicate_components
from keyart.images.posters import Posters, load_posters
from keyart.metrics.result import RetrievalResult
from keyart.models.backbone_factory import check_backbone, create_backbone
from keyart.models.embedder import Embedder
from keyart.models.feature_cache import cached_features
from keyart.models.head_cache import fit_head
from keyart.models.heads.base import Head
from keyart.models.heads.build import build_head
from keyart.models.heads.reduced import check_output_size
from keyart.runs.evaluation.posters import evaluate_embeddings
from keyart.training.experiment import DataSettings, Experiment
from keyart.training.teacher import teacher_embeddings
from keyart.utils.progress import progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Data that is ready before the first training step.

    Args:
        posters: The N posters that will be used.
        splits: (N,) split of each poster.
        features: (N, D) features of the frozen backbone, memory-mapped.
        pooled: (N, F) the first columns of these: the backbone's own pooled features.
        teacher: (N, T) embeddings of another run; None if the run has no teacher.
        transformed: (N, C) features after the head's fixed part: the input of its trained part.
        frozen: Results of the frozen backbone on ``val`` and ``test``.
    """

    posters: Posters
    splits: np.ndarray
    features: np.ndarray
    pooled: torch.Tensor
    transformed: torch.Tensor
    frozen: dict[str, RetrievalResult]
    teacher: torch.Tensor | None = None

    @property
    def to_distil(self) -> torch.Tensor:
        """(N, T) vectors whose similarities a loss may distil: the teacher's, else the frozen backbone's."""
        return self.pooled if self.teacher is None else self.teacher

    def positions(self, split: str) -> np.ndarray:
        """Return the positions of a split's posters in the catalogue."""
        return np.flatnonzero(self.splits == split)


def find_posters(data: DataSettings) -> tuple[Path, Path | None]:
    """Return the table of posters and its folder of images; render the demo posters if they do not exist yet."""
    if data.catalogue is not None:
        return data.catalogue, data.images
    from keyart.catalogue.demo import demo_catalogue

    with progress_bar("rendering demo posters") as report:
        folder = demo_catalogue(n=data.demo_posters, progress=report)
    return folder / "catalogue.csv", folder / "posters"


def prepare_posters(data: DataSettings, monitor: str | None = None) -> tuple[Posters, np.ndarray]:
    """Read, check and split posters.

    Args:
        data: The settings of the posters.
        monitor: The metric that will be monitored; its genre, if it has one, must be one of the table.

    Raises:
        InputError: The table, a poster or the genre cannot be used.
    """
    table, images = find_posters(data)
    catalogue, problems = read_catalogue(table, images)
    if monitor is not None:
        check_genre(monitor, catalogue)
    with progress_bar("decoding posters") as report:
        posters = load_posters(
            catalogue, problems, image_size=data.image_size, on_bad_poster=data.on_bad_poster, progress=report
        )
    log.info("%s: %s", catalogue.source, posters.account)
    for remark in catalogue.remarks:
        if remark.row == 1:  # the reader has already logged its assumptions about other lines
            log.warning("%s: %s; %s", catalogue.source, remark.detail, remark.fix)
    if posters.skipped:
        log.warning("%d problems in the catalogue; the run's skipped.csv lists them", len(posters.skipped))
    splits = make_splits(
        posters.catalogue,
        val=data.val,
        test=data.test,
        seed=data.split_seed,
        groups=near_duplicate_components(posters.pixels),
    )
    return posters, splits


def check_genre(monitor: str, catalogue: Catalogue) -> None:
    """Check that the genre of ``val/precision@10/genre/<a genre>`` occurs in the catalogue."""
    genre = monitor.partition("/genre/")[2].removesuffix("/dedup")
    if genre and genre not in catalogue.genre_names:
        raise InputError(
            f"monitor={monitor}: {catalogue.source} has no genre {genre}; choose one of"
            f" {', '.join(catalogue.genre_names)}"
        )


def prepare(experiment: Experiment) -> tuple[PreparedData, Embedder]:
    """Prepare posters, splits, frozen features with their results, and the embedder to train."""
    model, seed = experiment.model, experiment.seed
    check_backbone(model.backbone, model.weights, model.pooling)
    if model.weights == "none" and not experiment.schedule.finetune_epochs:
        log.warning(
            "model.weights=none and training.finetune_epochs=0: the backbone's weights are random and stay so, and the"
            " head learns from random features; set model.weights=pretrained, or training.finetune_epochs above 0"
        )
    if experiment.teacher is not None and not experiment.loss.needs_frozen_features:
        raise InputError(
            f"training.teacher={experiment.teacher}: loss={experiment.loss.name} learns from no teacher; take"
            " loss=distillation, alone or as a term of loss=sum"
        )
    posters, splits = prepare_posters(experiment.data, experiment.monitor)
    teacher = (
        None if experiment.teacher is None else teacher_embeddings(experiment.teacher, posters.catalogue.ids, splits)
    )
    train = splits == "train"
    genres = posters.catalogue.genres
    check_learnable(
        genres[train], Relevance.fit(experiment.relevance, genres[train]), source=str(posters.catalogue.source)
    )
    lightning.seed_everything(seed, verbose=False)
    backbone = create_backbone(
        model.backbone,
        model.weights,
        pooling=model.pooling,
        image_size=experiment.data.image_size,
        flip_average=model.flip_average,
        multiscale_size=model.multiscale_size,
    )
    with progress_bar("frozen features") as report:
        mapped = cached_features(
            backbone,
            posters.pixels,
            precision=experiment.precision,
            batch_size=experiment.evaluation_batch_size,
            progress=report,
        )
    pooled = torch.from_numpy(np.array(mapped[:, : backbone.num_features]))
    frozen = {
        split: evaluate_embeddings(
            pooled, posters, experiment.evaluation_relevance, np.flatnonzero(splits == split), experiment.metrics
        )
        for split in ("val", "test")
    }
    lightning.seed_everything(seed, verbose=False)
    head = build_head(
        model.head,
        backbone.groups,
        model.embedding_size,
        relation=experiment.relevance,
        **model.head_arguments,
    )
    embedder = Embedder(backbone, head)
    log.info("%s", embedding_line(head, model.output_size))
    transformed = fit_head(embedder, mapped, train, genres)
    return PreparedData(posters, splits, mapped, pooled, transformed, frozen, teacher), embedder


def embedding_line(head: Head, output_size: int | None) -> str:
    """Return a log line with the size of an embedding and of its branches."""
    sizes = head.branch_sizes
    line = f"embedding: {sum(sizes.values()):,} numbers a poster"
    if len(sizes) > 1 or head.branch_size != head.embedding_size:
        networks = sizes["learned"] // head.branch_size
        named = {
            "learned": f"learned {networks} × {head.branch_size}" if networks > 1 else f"learned {head.branch_size}"
        }
        named |= {name: f"{name} {size:,}" for name, size in sizes.items() if name != "learned"}
        line += f" ({', '.join(named.values())})"
    if output_size is None:
        return line
    check_output_size(output_size, head)
    return f"{line}, of which model.output_size={output_size} keeps the leading {output_size} principal components"
