"""Contents and names of a run in W&B: metrics, tables and pictures as plain data, without W&B's client.

W&B groups panels by the part of a name before its first ``/``: ``train``, ``val``, ``test``, ``embedding``,
``pictures``.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keyart.training.loggers.run_logger import RunResults

BESIDE = ("chance", "frozen", "lift")
GENRE = "precision@10/genre/"
MAX_ROWS = 10_000
"""Maximum number of rows that W&B displays in one table."""
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_NOT_BETTER = ("intrinsic_dimension", "mean_cosine")
"""Metrics without a better direction: W&B summarises them by their last value."""
_DETAILS = {"chance", "frozen", "dedup", "genre", "queries", "gallery", "left_out"}


def panel_name(name: str) -> str:
    """Return a metric's name with a section: names without one belong to ``train``.

    >>> panel_name("epoch"), panel_name("val/map")
    ('train/epoch', 'val/map')
    """
    return name if "/" in name else f"train/{name}"


def metric_definition(name: str) -> dict[str, Any] | None:
    """Return the arguments of W&B's ``define_metric`` for a metric; None: W&B's defaults.

    Validation metrics are summarised by their best value. Metrics that only complement another one (chance, frozen,
    single genres, counts …) are logged but get no panel of their own.

    >>> metric_definition("val/ndcg@10")
    {'summary': 'max'}
    >>> metric_definition("val/ndcg@10/chance")
    {'hidden': True}
    """
    split, *parts = name.split("/")
    if name == "train/epoch":
        return {"hidden": True}
    if parts and parts[-1] == "loss":
        return {"summary": "min"}
    if split != "val":
        return None
    if parts and parts[0] in _NOT_BETTER:
        return {"summary": "last"}
    return {"hidden": True} if _DETAILS.intersection(parts) else {"summary": "max"}


def run_config(folder: Path) -> dict[str, Any]:
    """Return the run's configuration with ``git``, ``dataset`` and ``environment`` added, from files in its folder."""
    import yaml

    config: dict[str, Any] = {}
    if (folder / "config.yaml").is_file():
        config |= yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")) or {}
    if (folder / "environment.json").is_file():
        environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        config |= {name: environment.pop(name) for name in ("git", "dataset") if name in environment}
        config["environment"] = environment
    return config


def wandb_settings(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the keys of ``logger.wandb`` in a run's configuration; None if the run was not logged to W&B.

    >>> wandb_settings({"logger": {"csv": {}, "wandb": {"project": "posters"}}})
    {'project': 'posters'}
    """
    loggers = config.get("logger") or {}
    # Up to version 0.1 a run had one logger, whose keys were directly under ``logger``.
    found = loggers if loggers.get("name") == "wandb" else loggers.get("wandb")
    return dict(found) if found else None


def recorded_project(folder: Path) -> str | None:
    """Return the W&B project that a run's recorded configuration names; None if the run was not logged to W&B."""
    settings = wandb_settings(run_config(folder))
    return str(settings.get("project")) if settings else None


def summary_values(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Return every test metric under its own name, and the best checkpoint's validation metrics under ``best/``.

    Undefined values are left out, as W&B itself would do.

    >>> summary_values({"val/map": 0.2, "val/map/chance": 0.1, "test/map": 0.3, "test/map/chance": 0.1})
    {'best/map': 0.2, 'test/map': 0.3, 'test/map/chance': 0.1}
    """
    shown = {}
    for name, value in metrics.items():
        split, _, rest = name.partition("/")
        if value is None:
            continue
        if split == "val" and not _DETAILS.intersection(rest.split("/")):
            shown[f"best/{rest}"] = value
        elif split != "val":
            shown[name] = value
    return shown


def metric_rows(metrics: Mapping[str, float | None], split: str = "test") -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a table of one split's metrics: value, chance, frozen and lift.

    >>> metric_rows({"test/map": 0.3, "test/map/chance": 0.1, "test/map/frozen": 0.2, "test/map/lift": 2.0})
    (['metric', 'value', 'chance', 'frozen', 'lift'], [['map', 0.3, 0.1, 0.2, 2.0]])
    """
    names = [name for name in _evaluated(metrics, split) if not name.startswith(GENRE)]
    return ["metric", "value", *BESIDE], [[name, *_values(metrics, f"{split}/{name}")] for name in names]


def genre_rows(metrics: Mapping[str, float | None], split: str = "test") -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a table of one split's precision@10 per genre."""
    names = [name for name in _evaluated(metrics, split) if name.startswith(GENRE) and not name.endswith("/dedup")]
    rows = [[name.removeprefix(GENRE), *_values(metrics, f"{split}/{name}")] for name in sorted(names)]
    return ["genre", "precision@10", *BESIDE], rows


def _evaluated(metrics: Mapping[str, float | None], split: str) -> list[str]:
    """Return the metrics of a split that have a chance value."""
    names = [name.removeprefix(f"{split}/") for name in metrics if name.startswith(f"{split}/")]
    return [name for name in names if f"{split}/{name}/chance" in metrics]


def _values(metrics: Mapping[str, float | None], name: str) -> list[float | None]:
    return [metrics[name], *(metrics.get(f"{name}/{beside}") for beside in BESIDE)]


def principal_plane(embeddings: np.ndarray) -> np.ndarray:
    """Project embeddings onto their first two principal axes.

    Args:
        embeddings: (N, E).

    Returns:
        (N, 2) float32. The sign of each axis is chosen so that its entry of largest magnitude is positive.
    """
    centred = np.asarray(embeddings, dtype=np.float64)
    centred = centred - centred.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    plane = np.zeros((len(centred), 2), dtype=np.float32)
    plane[:, : axes.shape[1]] = centred @ axes
    return plane


def embedding_rows(results: RunResults, *, vectors: bool = False) -> tuple[list[str], list[list[Any]]]:
    """Return columns and rows of a table of posters: metadata and coordinates in two dimensions.

    Args:
        results: The finished run's results; more than `MAX_ROWS` posters are thinned evenly to that number.
        vectors: Whether to add the embedding itself, one column per dimension.
    """
    catalogue, embeddings = results.catalogue, np.asarray(results.embeddings)
    coordinates = principal_plane(embeddings) if results.coordinates is None else np.asarray(results.coordinates)
    columns = ["id", "title", "year", "genres", "split", "x", "y"]
    if vectors:
        columns += [f"e{i}" for i in range(embeddings.shape[1])]
    rows = []
    for i in evenly(len(catalogue), MAX_ROWS):
        year = catalogue.years[i]
        row = [
            str(catalogue.ids[i]),
            str(catalogue.titles[i]),
            None if np.isnan(year) else int(year),
            catalogue.genre_text(i),
            str(results.splits[i]),
            float(coordinates[i, 0]),
            float(coordinates[i, 1]),
        ]
        rows.append([*row, *(float(v) for v in embeddings[i])] if vectors else row)
    return columns, rows


def evenly(count: int, most: int) -> Sequence[int]:
    """Return at most ``most`` evenly spaced elements of ``range(count)``.

    >>> list(evenly(10, 4))
    [0, 2, 5, 7]
    """
    return range(count) if count <= most else [i * count // most for i in range(most)]


def find_pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures in a run's folder and in its ``pictures/``, by the name of their panel."""
    files = [*folder.glob("*"), *(folder / "pictures").glob("*")]
    return {f"pictures/{file.stem}": file for file in sorted(files) if file.suffix.lower() in _PICTURES}
