"""Posters with the embeddings and frozen features of a run, and their evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from keyart.catalogue.reader import read_catalogue
from keyart.catalogue.relevance import Relevance, RelevanceKind
from keyart.errors import InputError
from keyart.images.pixel_cache import PixelCache
from keyart.images.posters import Posters, load_posters
from keyart.metrics.functional import evaluate_retrieval
from keyart.metrics.registry import DEFAULT_METRICS
from keyart.metrics.result import RetrievalResult
from keyart.models.backbone import Backbone
from keyart.models.embedder import Embedder, feature_pieces, load_frozen
from keyart.models.feature_cache import cached_features
from keyart.runs.evaluation.branches import Evaluator
from keyart.runs.run import Run
from keyart.utils.progress import progress_bar


@dataclass(frozen=True, eq=False)
class EmbeddedPosters:
    """N posters with a run's embeddings and frozen features.

    Attributes:
        posters: The posters.
        embeddings: (N, E) by the run's embedder, L2-normalised.
        frozen: (N, F) pooled features of its frozen backbone.
        splits: (N,) ``train``, ``val`` or ``test`` if they are the run's own posters; otherwise None.
    """

    posters: Posters
    embeddings: np.ndarray
    frozen: np.ndarray
    splits: np.ndarray | None

    @property
    def split(self) -> str:
        """Name of the split in metrics: ``test`` for the run's own posters, ``eval`` for others."""
        return "eval" if self.splits is None else "test"

    def positions(self, split: str) -> np.ndarray:
        """Return the positions of a split's posters; of all posters if they are not the run's own."""
        if self.splits is None:
            return np.arange(len(self.posters))
        return np.flatnonzero(self.splits == split)


def evaluate_embeddings(
    embeddings: np.ndarray | torch.Tensor,
    posters: Posters,
    kind: RelevanceKind,
    at: np.ndarray | None = None,
    metrics: Sequence[str] | None = None,
) -> RetrievalResult:
    """Evaluate embeddings of posters by the relevance ``kind``; each poster is a query for all others.

    Args:
        embeddings: (N, E) one per poster, L2-normalised or not.
        posters: The N posters.
        kind: Relevance kind of the metrics.
        at: Positions to evaluate, for example a split: both queries and gallery. None: all.
        metrics: Names of the metrics, ``evaluation.metrics``; None: `DEFAULT_METRICS`.
    """
    at = np.arange(len(posters.catalogue)) if at is None else at
    part = posters.catalogue.select(at)
    return evaluate_retrieval(
        torch.as_tensor(embeddings[at]),
        part.genres,
        part.ids,
        relevance=Relevance.fit(kind, part.genres),
        genre_names=part.genre_names,
        years=part.years,
        groups=posters.groups[at],
        metrics=DEFAULT_METRICS if metrics is None else metrics,
    )


def variant_evaluator(posters: Posters, kind: RelevanceKind, at: np.ndarray) -> Evaluator:
    """Return a function that evaluates other vectors of the posters ``at`` with chosen metrics.

    It computes no metrics without near-duplicates: these stay in the gallery.
    """
    part = posters.catalogue.select(at)
    relevance = Relevance.fit(kind, part.genres)

    def evaluate(vectors: np.ndarray, metrics: Sequence[str]) -> RetrievalResult:
        rows, names = torch.from_numpy(np.ascontiguousarray(vectors)), part.genre_names
        return evaluate_retrieval(rows, part.genres, part.ids, relevance=relevance, genre_names=names, metrics=metrics)

    return evaluate


def embed_and_frozen(
    run: Run, embedder: Embedder, pixels: Posters | PixelCache, *, precision: str = "auto", batch_size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, E) embeddings of posters and (N, F) pooled features of the run's frozen backbone.

    The backbone's features are cached on disk.
    """
    whole, frozen = whole_and_frozen(run, embedder, pixels, precision=precision, batch_size=batch_size)
    return from_whole(embedder, whole), frozen


@torch.inference_mode()
def from_whole(embedder: Embedder, whole: np.ndarray) -> np.ndarray:
    """Return (N, E) embeddings from the head outputs of `whole_and_frozen`."""
    return embedder.from_whole(torch.from_numpy(whole)).numpy()


def whole_and_frozen(
    run: Run, embedder: Embedder, pixels: Posters | PixelCache, *, precision: str = "auto", batch_size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, W) head outputs before reduction, and the frozen features; see `embed_and_frozen`."""
    cache = pixels.pixels if isinstance(pixels, Posters) else pixels

    def features_of(backbone: Backbone, text: str) -> np.ndarray:
        with progress_bar(text) as report:
            return cached_features(backbone, cache, precision=precision, batch_size=batch_size, progress=report)

    features = features_of(embedder.backbone, "embedding posters")
    with torch.inference_mode():
        whole = torch.cat([embedder.whole(embedder.transform(part)) for part in feature_pieces(features)])
    frozen_backbone = load_frozen(run.embedder_folder)
    # The cache's key includes the weights, so the features of an unchanged backbone are computed only once.
    frozen = features_of(frozen_backbone, "frozen features")[:, : frozen_backbone.num_features]
    return whole.numpy(), np.asarray(frozen, dtype=np.float32)


def open_posters(
    run: Run,
    catalogue: Path | None,
    images: Path | None,
    on_bad_poster: Literal["error", "skip"],
) -> tuple[Posters, np.ndarray | None]:
    """Read the posters to evaluate, and their splits if they are the run's own.

    Args:
        run: A finished run.
        catalogue: A table of posters; None: the run's own.
        images: The folder of the catalogue's images; None: the table's own.
        on_bad_poster: ``error`` or ``skip``; for the run's own posters its configuration decides.

    Raises:
        InputError: The posters cannot be read, or the run's own posters have changed.
    """
    own = catalogue is None
    if catalogue is None:
        catalogue, images = Path(run.dataset_entry("catalogue")), Path(run.dataset_entry("images"))
        if not catalogue.is_file():
            raise InputError(
                f"{catalogue}: the run's own catalogue is gone; name posters with ``catalogue`` and ``images``"
            )
        on_bad_poster = run.setting("data", "on_bad_poster")
    table, problems = read_catalogue(catalogue, images)
    with progress_bar("decoding posters") as report:
        posters = load_posters(table, problems, image_size=run.image_size, on_bad_poster=on_bad_poster, progress=report)
    if not own:
        return posters, None
    split = run.splits.reindex(posters.catalogue.ids)
    if split.isna().any():
        raise InputError(
            f"{catalogue}: contains posters that are not in the run ({split.index[split.isna()][0]}, say);"
            " name it with ``catalogue`` to evaluate all of them"
        )
    return posters, split.to_numpy()
