"""Files that training writes into a run's folder: the inputs before the first step, the results after the last."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from keyart.catalogue.problems import problems_table
from keyart.catalogue.splits import SPLITS
from keyart.metrics.result import RetrievalResult, merge_frozen
from keyart.models.backbone import Backbone
from keyart.models.embedder import Embedder, embed
from keyart.models.heads.reduced import ReducedHead
from keyart.retrieval.index import PosterIndex
from keyart.runs.evaluation.branches import branch_metrics
from keyart.runs.evaluation.posters import from_whole, judge, plain_judge
from keyart.runs.run import describe_environment
from keyart.training.build import Prepared
from keyart.training.loggers.run_logger import RunResults
from keyart.training.module import EmbeddingModule
from keyart.utils.files import write_atomically, write_json, write_text
from keyart.utils.progress import progress_bar
from keyart.utils.text import csv_table


def describe_dataset(prepared: Prepared) -> dict[str, str | int]:
    """Return what identifies a dataset: paths, digests of its contents, sizes of the splits."""
    posters = prepared.posters
    return {
        "catalogue": str(posters.catalogue.source.resolve()),
        "images": str(posters.catalogue.root.resolve()),
        "fingerprint": posters.catalogue.fingerprint(),
        "pixels": posters.pixels.digest,
        "posters": len(posters.catalogue),
        **{split: int((prepared.splits == split).sum()) for split in SPLITS},
    }


def describe_embedding(embedder: Embedder, output_size: int | None) -> dict[str, Any]:
    """Return the size of an embedding and the sizes of its branches before the reduction to ``output_size``."""
    branches = embedder.head.branch_sizes
    size = sum(branches.values()) if output_size is None else output_size
    return {"size": size, "branches": branches, "output_size": output_size}


def write_inputs(cfg: DictConfig, folder: Path, prepared: Prepared, embedder: Embedder) -> None:
    """Write the files that are known before the first step: configuration, environment, splits, skipped posters."""
    write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    embedding = describe_embedding(embedder, cfg.model.output_size)
    environment = describe_environment(describe_dataset(prepared)) | {"embedding": embedding}
    write_json(folder / "environment.json", environment)
    table = pd.DataFrame({"id": prepared.posters.catalogue.ids, "split": prepared.splits})
    write_text(folder / "splits.csv", csv_table(table).to_csv(index=False))
    write_text(folder / "skipped.csv", csv_table(problems_table(prepared.posters.skipped)).to_csv(index=False))


def final_vectors(cfg: DictConfig, module: EmbeddingModule, prepared: Prepared) -> np.ndarray:
    """Return the head's (N, W) output for all posters.

    If the backbone was not fine-tuned, the cached features are used.
    """
    embedder = module.embedder.eval()
    if module.backbone_trained:
        with progress_bar("embedding posters") as report:
            return embed(
                embedder,
                prepared.posters.pixels,
                precision=cfg.training.precision,
                batch_size=cfg.evaluation.batch_size,
                progress=report,
                whole=True,
            ).numpy()
    device = next(embedder.parameters()).device
    with torch.inference_mode():
        return torch.cat([embedder.whole(f.to(device)).cpu() for f in prepared.transformed.split(4096)]).numpy()


def finish(
    cfg: DictConfig, folder: Path, prepared: Prepared, module: EmbeddingModule, frozen_backbone: Backbone | None
) -> RunResults:
    """Evaluate the best checkpoint and write all results of the run; ``metrics.json`` comes last."""
    posters, splits = prepared.posters, prepared.splits
    whole = final_vectors(cfg, module, prepared)
    embedder = module.embedder.cpu()
    if cfg.model.output_size is not None:
        reduced = ReducedHead(embedder.head, cfg.model.output_size)
        reduced.fit_components(whole[splits == "train"])
        embedder.head = reduced.eval()
    embeddings = from_whole(embedder, whole)
    metrics: dict[str, float | None] = {}
    tables = []
    for split in ("val", "test"):
        at, frozen = prepared.positions(split), prepared.frozen[split]
        judgement = judge(embeddings, posters, cfg.evaluation.relevance, at, cfg.evaluation.metrics)
        metrics |= merge_frozen(judgement, frozen, split)
        judge_others = plain_judge(posters, cfg.evaluation.relevance, at)
        metrics |= branch_metrics(embedder.head, whole[at], judge_others, frozen, split)
        tables.append(per_query_table(judgement, split))
    per_query = pd.concat(tables, ignore_index=True)
    write_atomically(folder / "per_query.parquet", lambda file: per_query.to_parquet(file, index=False))
    embedder.save(folder / "embedder", frozen_backbone=frozen_backbone)
    PosterIndex.build(embeddings, posters.catalogue, splits).save(folder / "index")
    if cfg.callbacks.report:
        draw_report(cfg, folder, prepared, embeddings, metrics, per_query)
    write_json(folder / "metrics.json", metrics)
    return RunResults(folder, metrics, posters.catalogue, splits, embeddings)


def per_query_table(judgement: RetrievalResult, split: str) -> pd.DataFrame:
    """Return a table with one row per query: ``id``, ``split`` and each metric, the content of ``per_query.parquet``.

    A metric that is not a mean over queries (``precision@10/genre_macro``) has no column; the metrics that it averages
    have one each.
    """
    return pd.DataFrame({"id": judgement.ids, "split": split, **judgement.per_query})


def draw_report(
    cfg: DictConfig,
    folder: Path,
    prepared: Prepared,
    embeddings: np.ndarray,
    metrics: dict[str, float | None],
    per_query: pd.DataFrame,
) -> None:
    """Draw the gallery, the charts and ``report.html``."""
    from keyart.reports.run_report import write_report

    write_report(
        folder,
        embeddings=embeddings,
        frozen=prepared.pooled.numpy(),
        catalogue=prepared.posters.catalogue,
        groups=prepared.posters.groups,
        splits=prepared.splits,
        metrics=metrics,
        per_query=per_query,
        frozen_per_query=per_query_table(prepared.frozen["test"], "test"),
        config=dict(OmegaConf.to_container(cfg, resolve=True)),  # type: ignore[arg-type]
        environment=json.loads((folder / "environment.json").read_text(encoding="utf-8")),
    )
