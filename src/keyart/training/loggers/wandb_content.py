"""What of a run is shown in W&B, and under which names: plain data, without W&B's client.

Panels are grouped by what stands before a name's first ``/``: ``train``, ``val``, ``test``, ``embedding``,
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
MOST_ROWS = 10_000
"""Rows of a table that W&B still shows as one."""
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_NOT_BETTER = ("intrinsic_dimension", "mean_cosine")
"""Of these neither more nor less is better: the last value counts."""
_DETAILS = {"chance", "frozen", "dedup", "genre", "queries", "gallery", "left_out"}


def panel_name(name: str) -> str:
    """A metric's name with a section: what Lightning logs without one belongs to training.

    >>> panel_name("epoch"), panel_name("val/map")
    ('train/epoch', 'val/map')
    """
    return name if "/" in name else f"train/{name}"


def metric_definition(name: str) -> dict[str, Any] | None:
    """How W&B should treat a metric, as arguments of its ``define_metric``; None: as usual.

    Validation metrics are summarised by their best value. What is only worth a look beside another one (chance,
    frozen, single genres, counts …) is logged but gets no panel of its own.

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
    """The run's configuration, and beside it ``git``, ``dataset`` and ``environment``, from the files in its folder."""
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
    """The keys of ``logger.wandb`` in a run's configuration; None where the run was not logged to W&B.

    >>> wandb_settings({"logger": {"csv": {}, "wandb": {"project": "posters"}}})
    {'project': 'posters'}
    """
    loggers = config.get("logger") or {}
    # Until version 0.1 a run had one logger, whose keys stood under ``logger`` itself.
    found = loggers if loggers.get("name") == "wandb" else loggers.get("wandb")
    return dict(found) if found else None


def recorded_project(folder: Path) -> str | None:
    """Return the W&B project that a run's recorded configuration names."""
    settings = wandb_settings(run_config(folder))
    return str(settings.get("project")) if settings else None


def summary_values(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Every test metric under its own name, and the best checkpoint's validation metrics under ``best/``.

    What is undefined is left out: W&B would leave it out, too.

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
    """Columns and rows of the table of one split's metrics: value, chance, frozen and lift.

    >>> metric_rows({"test/map": 0.3, "test/map/chance": 0.1, "test/map/frozen": 0.2, "test/map/lift": 2.0})
    (['metric', 'value', 'chance', 'frozen', 'lift'], [['map', 0.3, 0.1, 0.2, 2.0]])
    """
    names = [name for name in _judged(metrics, split) if not name.startswith(GENRE)]
    return ["metric", "value", *BESIDE], [[name, *_values(metrics, f"{split}/{name}")] for name in names]


def genre_rows(metrics: Mapping[str, float | None], split: str = "test") -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of the table of one split's precision@10 of each genre."""
    names = [name for name in _judged(metrics, split) if name.startswith(GENRE) and not name.endswith("/dedup")]
    rows = [[name.removeprefix(GENRE), *_values(metrics, f"{split}/{name}")] for name in sorted(names)]
    return ["genre", "precision@10", *BESIDE], rows


def _judged(metrics: Mapping[str, float | None], split: str) -> list[str]:
    """The metrics of a split that have a chance value beside them."""
    names = [name.removeprefix(f"{split}/") for name in metrics if name.startswith(f"{split}/")]
    return [name for name in names if f"{split}/{name}/chance" in metrics]


def _values(metrics: Mapping[str, float | None], name: str) -> list[float | None]:
    return [metrics[name], *(metrics.get(f"{name}/{beside}") for beside in BESIDE)]


def principal_plane(embeddings: np.ndarray) -> np.ndarray:
    """Coordinates on the first two principal axes.

    Args:
        embeddings: (N, E).

    Returns:
        (N, 2) float32. Of each axis' two directions the one is taken in which its largest entry is positive.
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
    """Columns and rows of the table of posters: what each is, and where it lies.

    Args:
        results: The finished run's; of more than `MOST_ROWS` posters, that many are drawn evenly.
        vectors: Add the embedding itself, a column a dimension.
    """
    catalogue, embeddings = results.catalogue, np.asarray(results.embeddings)
    coordinates = principal_plane(embeddings) if results.coordinates is None else np.asarray(results.coordinates)
    columns = ["id", "title", "year", "genres", "split", "x", "y"]
    if vectors:
        columns += [f"e{i}" for i in range(embeddings.shape[1])]
    rows = []
    for i in evenly(len(catalogue), MOST_ROWS):
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
    """At most ``most`` of ``range(count)``, evenly spread.

    >>> list(evenly(10, 4))
    [0, 2, 5, 7]
    """
    return range(count) if count <= most else [i * count // most for i in range(most)]


def find_pictures(folder: Path) -> dict[str, Path]:
    """The pictures in a run's folder and in its ``pictures/``, by the name of their panel."""
    files = [*folder.glob("*"), *(folder / "pictures").glob("*")]
    return {f"pictures/{file.stem}": file for file in sorted(files) if file.suffix.lower() in _PICTURES}
