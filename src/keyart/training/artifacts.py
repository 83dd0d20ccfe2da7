"""Files that training writes into a run's folder: the inputs before the first step, the results after the last."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from keyart.catalogue.problems import problems_table
from keyart.catalogue.splits import SPLITS
from keyart.models.backbone import Backbone
from keyart.models.embedder import Embedder
from keyart.retrieval.index import PosterIndex
from keyart.runs.evaluation.scores import per_query_table
from keyart.runs.run import describe_environment
from keyart.training.evaluate import Evaluated
from keyart.training.experiment import Experiment
from keyart.training.loggers.run_logger import RunResults
from keyart.training.prepare import PreparedData
from keyart.utils.files import write_atomically, write_json, write_text
from keyart.utils.text import csv_table


def describe_dataset(prepared: PreparedData) -> dict[str, str | int]:
    """Return what identifies a dataset: paths, digests of its contents, sizes of the splits."""
    posters = prepared.posters
    return {
        "catalogue": str(posters.catalogue.source.resolve()),
        "images": str(posters.catalogue.root.resolve()),
        "fingerprint": posters.catalogue.fingerprint(),
        "pixels": posters.pixels.digest,
        "posters": len(posters.catalogue),
        **{split: int((prepared.splits == split).sum()) for split in SPLITS},
        **(
            {}
            if prepared.teacher is None
            else {"teacher": hashlib.blake2b(prepared.teacher.numpy().tobytes(), digest_size=16).hexdigest()}
        ),
    }


def describe_embedding(embedder: Embedder, output_size: int | None) -> dict[str, Any]:
    """Return the size of an embedding and the sizes of its branches before the reduction to ``output_size``."""
    branches = embedder.head.branch_sizes
    size = sum(branches.values()) if output_size is None else output_size
    return {"size": size, "branches": branches, "output_size": output_size}


def write_inputs(experiment: Experiment, folder: Path, prepared: PreparedData, embedder: Embedder) -> None:
    """Write the files that are known before the first step: configuration, environment, splits, skipped posters."""
    write_text(folder / "config.yaml", OmegaConf.to_yaml(experiment.config))
    embedding = describe_embedding(embedder, experiment.model.output_size)
    environment = describe_environment(describe_dataset(prepared)) | {"embedding": embedding}
    write_json(folder / "environment.json", environment)
    table = pd.DataFrame({"id": prepared.posters.catalogue.ids, "split": prepared.splits})
    write_text(folder / "splits.csv", csv_table(table).to_csv(index=False))
    write_text(folder / "skipped.csv", csv_table(problems_table(prepared.posters.skipped)).to_csv(index=False))


def write_results(
    experiment: Experiment,
    folder: Path,
    prepared: PreparedData,
    embedder: Embedder,
    evaluated: Evaluated,
    frozen_backbone: Backbone | None,
) -> RunResults:
    """Write all results of the run; ``metrics.json`` comes last.

    Args:
        experiment: The settings of the run.
        folder: The run's folder.
        prepared: The data.
        embedder: The evaluated embedder.
        evaluated: Its results.
        frozen_backbone: The backbone before fine-tuning; None if it has not changed.
    """
    catalogue, splits = prepared.posters.catalogue, prepared.splits
    write_atomically(folder / "per_query.parquet", lambda file: evaluated.per_query.to_parquet(file, index=False))
    embedder.save(folder / "embedder", frozen_backbone=frozen_backbone)
    PosterIndex.build(evaluated.embeddings, catalogue, splits).save(folder / "index")
    if experiment.callbacks.report:
        draw_report(experiment.config, folder, prepared, evaluated)
    write_json(folder / "metrics.json", evaluated.metrics)
    return RunResults(folder, evaluated.metrics, catalogue, splits, evaluated.embeddings)


def draw_report(config: Mapping[str, Any], folder: Path, prepared: PreparedData, evaluated: Evaluated) -> None:
    """Draw the gallery, the charts and ``report.html``."""
    from keyart.reports.run_report import write_report

    write_report(
        folder,
        embeddings=evaluated.embeddings,
        frozen=prepared.pooled.numpy(),
        catalogue=prepared.posters.catalogue,
        groups=prepared.posters.groups,
        splits=prepared.splits,
        metrics=evaluated.metrics,
        per_query=evaluated.per_query,
        frozen_per_query=per_query_table(prepared.frozen["test"], "test"),
        config=dict(config),
        environment=json.loads((folder / "environment.json").read_text(encoding="utf-8")),
    )
