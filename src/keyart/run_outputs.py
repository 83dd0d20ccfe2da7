"""What a run leaves in its folder: its inputs before the first step, its results after the last."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig, OmegaConf

from keyart.assembly import Prepared
from keyart.callbacks.run_log import RunResults
from keyart.catalogue import SPLITS, problems_table
from keyart.embedding import Backbone, EmbeddingModule, embed
from keyart.judging import judge
from keyart.progress import progress_bar
from keyart.retrieval import PosterIndex, merge_frozen, per_query_table
from keyart.run import describe_environment, write_json


def describe_dataset(prepared: Prepared) -> dict[str, str | int]:
    """What tells one dataset from another: files, contents, sizes of the splits."""
    posters = prepared.posters
    return {
        "catalogue": str(posters.catalogue.source.resolve()),
        "images": str(posters.catalogue.root.resolve()),
        "fingerprint": posters.catalogue.fingerprint(),
        "pixels": posters.pixels.digest,
        "posters": len(posters.catalogue),
        **{split: int((prepared.splits == split).sum()) for split in SPLITS},
    }


def write_inputs(cfg: DictConfig, folder: Path, prepared: Prepared) -> None:
    """Write what is known before the first step: configuration, environment, splits, what was skipped."""
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True), encoding="utf-8")
    write_json(folder / "environment.json", describe_environment(describe_dataset(prepared)))
    table = pd.DataFrame({"id": prepared.posters.catalogue.ids, "split": prepared.splits})
    table.to_csv(folder / "splits.csv", index=False)
    problems_table(prepared.posters.skipped).to_csv(folder / "skipped.csv", index=False)


def final_embeddings(cfg: DictConfig, module: EmbeddingModule, prepared: Prepared) -> np.ndarray:
    """(N, E) embeddings of all posters; from the cached features where the backbone is still the frozen one."""
    embedder = module.embedder.eval()
    if module.backbone_trained:
        with progress_bar("embedding posters") as report:
            return embed(
                embedder,
                prepared.posters.pixels,
                precision=cfg.training.precision,
                batch_size=cfg.evaluation.batch_size,
                progress=report,
            ).numpy()
    device = next(embedder.parameters()).device
    with torch.inference_mode():
        return torch.cat([embedder.from_features(f.to(device)).cpu() for f in prepared.condensed.split(4096)]).numpy()


def finish(
    cfg: DictConfig, folder: Path, prepared: Prepared, module: EmbeddingModule, frozen_backbone: Backbone | None
) -> RunResults:
    """Judge the best checkpoint and write all that a finished run holds; ``metrics.json`` comes last."""
    posters, splits = prepared.posters, prepared.splits
    embeddings = final_embeddings(cfg, module, prepared)
    metrics: dict[str, float | None] = {}
    tables = []
    for split in ("val", "test"):
        judgement = judge(embeddings, posters, cfg.evaluation.relevance, prepared.positions(split))
        metrics |= merge_frozen(judgement, prepared.frozen[split], split)
        tables.append(per_query_table(judgement, split))
    per_query = pd.concat(tables, ignore_index=True)
    per_query.to_parquet(folder / "per_query.parquet", index=False)
    module.embedder.cpu().save(folder / "embedder", frozen_backbone=frozen_backbone)
    PosterIndex.build(embeddings, posters.catalogue, splits).save(folder / "index")
    if cfg.callbacks.report:
        draw_report(cfg, folder, prepared, embeddings, metrics, per_query)
    write_json(folder / "metrics.json", metrics)
    return RunResults(folder, metrics, posters.catalogue, splits, embeddings)


def draw_report(
    cfg: DictConfig,
    folder: Path,
    prepared: Prepared,
    embeddings: np.ndarray,
    metrics: dict[str, float | None],
    per_query: pd.DataFrame,
) -> None:
    """Draw the gallery, the charts and ``report.html``."""
    from keyart.analysis import write_report

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
