"""Baseline embeddings for quality tables, which a learned embedding must exceed."""

import math

import numpy as np
import torch

from keyart.catalogue.relevance import RelevanceKind
from keyart.images.pixel_cache import PixelCache
from keyart.metrics.baselines import colour_histograms, random_vectors
from keyart.metrics.registry import headline
from keyart.metrics.result import RetrievalResult, lift
from keyart.models.embedder import Embedder, feature_pieces
from keyart.models.feature_cache import cached_features
from keyart.recommend.cowatch import concatenate_unit
from keyart.runs.evaluation.posters import EmbeddedPosters, evaluate_embeddings
from keyart.runs.run import Run
from keyart.utils.checkpoint_files import read_checkpoint
from keyart.utils.progress import progress_bar

_PIECE = 512


def baseline_metrics(
    run: Run,
    embedder: Embedder,
    embedded: EmbeddedPosters,
    kind: RelevanceKind,
    frozen: RetrievalResult,
    precision: str = "auto",
) -> dict[str, float | None]:
    """Evaluate baseline embeddings on the posters on which the run is evaluated.

    ``random``: random directions. ``colour_histogram``: joint colour histograms of three bands. ``head_and_frozen``:
    [embedding ⊕ frozen], each of unit length. ``classifier_probabilities``: genre probabilities, if the run was trained
    as a classifier (for example with ``loss=bce``) and its checkpoints still exist.

    Args:
        run: The run.
        embedder: Its embedder.
        embedded: The posters with their embeddings.
        kind: Relevance kind of the metrics.
        frozen: Result of the frozen backbone on the same posters.
        precision: Precision of the backbone.

    Returns:
        ``<split>/<metric>/<row>`` for the first two metrics of `headline`, each with ``/lift``.
    """
    at = embedded.positions(embedded.split)
    catalogue = embedded.posters.catalogue
    rows = {
        "random": random_vectors(catalogue.ids[at]),
        "colour_histogram": _histograms(embedded.posters.pixels, at),
        "head_and_frozen": concatenate_unit(embedded.embeddings[at], embedded.frozen[at]),
    }
    probabilities = classifier_probabilities(run, embedder, embedded.posters.pixels, precision)
    if probabilities is not None:
        rows["classifier_probabilities"] = probabilities[at]
    found: dict[str, float | None] = {}
    metrics = headline(frozen.summary)[:2]
    for row, vectors in rows.items():
        whole = np.zeros((len(catalogue), vectors.shape[1]), dtype=np.float32)
        whole[at] = vectors
        summary = evaluate_embeddings(whole, embedded.posters, kind, at, metrics).summary
        for metric in metrics:
            key = f"{embedded.split}/{metric}"
            terms = frozen.chance[metric], frozen.summary[metric], frozen.errors[metric]
            if math.isfinite(frozen.summary[metric]):
                found[f"{key}/{row}"] = summary[metric]
                found[f"{key}/{row}/lift"] = lift(summary[metric], *terms)
    return found


def classifier_probabilities(
    run: Run, embedder: Embedder, pixels: PixelCache, precision: str = "auto"
) -> np.ndarray | None:
    """Return (N, G) genre probabilities from the linear layer that the run's loss trained on its embedding.

    Returns:
        The probabilities; None if the loss has no such layer, or the run's folder has no checkpoints any more.
    """
    # A run without validation has no best checkpoint, only the last one.
    found = [path for name in ("best", "last") if (path := run.folder / "checkpoints" / f"{name}.ckpt").is_file()]
    if not found:
        return None
    state = read_checkpoint(found[0])["state_dict"]
    layers = [key.removesuffix("weight") for key in state if key.startswith("loss.") and ".classifier.weight" in key]
    if len(layers) != 1:
        return None
    weight, bias = state[layers[0] + "weight"].float(), state[layers[0] + "bias"].float()
    if weight.shape[1] != embedder.branch_size:
        return None
    with progress_bar("embedding posters") as report:
        features = cached_features(embedder.backbone, pixels, precision=precision, progress=report)
    done = []
    with torch.inference_mode():
        for rows in feature_pieces(features):
            # The loss was applied to each branch of the head; the ensemble's probability is the mean.
            vectors = embedder.branches(embedder.transform(rows))
            parts = [torch.nn.functional.linear(part, weight, bias).sigmoid() for part in vectors]
            done.append(torch.stack(parts).mean(0))
    return torch.cat(done).numpy()


def _histograms(pixels: PixelCache, at: np.ndarray) -> np.ndarray:
    pieces = [pixels.take(at[start : start + _PIECE]).numpy() for start in range(0, len(at), _PIECE)]
    return np.concatenate([colour_histograms(piece) for piece in pieces])
