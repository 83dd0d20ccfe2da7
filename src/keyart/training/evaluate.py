"""Final evaluation of a run: vectors of all posters, reduction, and metrics of val and test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from keyart.metrics.result import merge_frozen
from keyart.models.embedder import embed
from keyart.models.heads.reduced import ReducedHead
from keyart.runs.evaluation.branches import branch_metrics
from keyart.runs.evaluation.posters import evaluate_embeddings, from_whole, variant_evaluator
from keyart.runs.evaluation.scores import per_query_table
from keyart.training.experiment import Experiment
from keyart.training.module import EmbeddingModule
from keyart.training.prepare import PreparedData
from keyart.utils.progress import progress_bar


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Results of a run.

    Args:
        embeddings: (N, E) float32 unit vectors of all posters.
        metrics: The content of ``metrics.json``.
        per_query: Values of each query of val and test.
    """

    embeddings: np.ndarray
    metrics: dict[str, float | None]
    per_query: pd.DataFrame


def final_vectors(experiment: Experiment, module: EmbeddingModule, prepared: PreparedData) -> np.ndarray:
    """Return the head's (N, W) output for all posters.

    If the backbone was not fine-tuned, the cached features are used.
    """
    embedder = module.embedder.eval()
    if module.backbone_trained:
        with progress_bar("embedding posters") as report:
            return embed(
                embedder,
                prepared.posters.pixels,
                precision=experiment.precision,
                batch_size=experiment.evaluation_batch_size,
                progress=report,
                whole=True,
            ).numpy()
    device = next(embedder.parameters()).device
    with torch.inference_mode():
        return torch.cat([embedder.whole(f.to(device)).cpu() for f in prepared.transformed.split(4096)]).numpy()


def evaluate(experiment: Experiment, prepared: PreparedData, module: EmbeddingModule) -> Evaluated:
    """Embed all posters and compute the metrics of val and test; the embedder gets its reduction, if it has one."""
    posters, relevance = prepared.posters, experiment.evaluation_relevance
    whole = final_vectors(experiment, module, prepared)
    embedder = module.embedder.cpu()
    if experiment.model.output_size is not None:
        reduced = ReducedHead(embedder.head, experiment.model.output_size)
        reduced.fit_components(whole[prepared.splits == "train"])
        embedder.head = reduced.eval()
    embeddings = from_whole(embedder, whole)
    metrics: dict[str, float | None] = {}
    tables = []
    for split in ("val", "test"):
        at, frozen = prepared.positions(split), prepared.frozen[split]
        result = evaluate_embeddings(embeddings, posters, relevance, at, experiment.metrics)
        metrics |= merge_frozen(result, frozen, split)
        metrics |= branch_metrics(embedder.head, whole[at], variant_evaluator(posters, relevance, at), frozen, split)
        tables.append(per_query_table(result, split))
    return Evaluated(embeddings, metrics, pd.concat(tables, ignore_index=True))
