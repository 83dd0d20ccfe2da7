"""All pictures of a run, drawn once for its folder, for loggers and for the report."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from keyart.errors import InputError
from keyart.models.backbone_names import join_names
from keyart.reports.charts.embedding_map import draw_decade_map, draw_genre_map
from keyart.reports.charts.figure import save_chart
from keyart.reports.charts.genre_bars import draw_genre_bars, genre_rows
from keyart.reports.charts.training_curves import draw_curves, read_curves
from keyart.reports.gallery import draw_gallery, write_png
from keyart.reports.gallery_queries import choose_queries
from keyart.reports.neighbours import NeighbourLists, describe, find_neighbours
from keyart.reports.poster_map import draw_poster_map
from keyart.reports.theme import LIGHT
from keyart.retrieval.projection import project, sample_evenly
from keyart.runs.evaluation.scores import Score, collect_scores

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one split.

    Attributes:
        files: PNG files by name: ``gallery``, ``map_genre``, ``map_decade``, ``map_posters``, ``genre_bars``,
            ``learning_curves``; pictures without data are absent.
        charts: SVG by the same names, for pages.
        rows: The gallery's query posters and neighbours.
        wall: The map of posters on a transparent background.
        scores: Metrics of the split with intervals.
    """

    files: dict[str, Path] = field(default_factory=dict)
    charts: dict[str, str] = field(default_factory=dict)
    rows: NeighbourLists | None = None
    wall: Image.Image | None = None
    scores: list[Score] = field(default_factory=list)


def draw_pictures(
    folder: str | Path,
    *,
    embeddings: npt.ArrayLike,
    catalogue: "Catalogue",
    groups: npt.ArrayLike,
    splits: npt.ArrayLike,
    metrics: Mapping[str, float | None],
    per_query: pd.DataFrame | None = None,
    frozen_per_query: pd.DataFrame | None = None,
    config: Mapping[str, Any] | None = None,
    split: str = "test",
    drivers: int = 8,
    neighbours: int = 10,
    progress: Progress | None = None,
) -> Pictures:
    """Write ``gallery.png`` and ``pictures/*.png`` of one split into a run's folder.

    Only posters of the split are shown and searched, because the positions of training posters are learned. Maps show
    at most 1,500 of them.

    Args:
        folder: The run's folder; ``metrics.csv`` in it is read if it exists.
        embeddings: (N, E) embeddings of the catalogue's posters.
        catalogue: The N posters.
        groups: (N,) near-duplicate groups.
        splits: (N,) names of the posters' splits.
        metrics: Flat metrics, as in ``metrics.json``.
        per_query: Per-query values, as in ``per_query.parquet``; used for the intervals of the bars.
        frozen_per_query: The same of the frozen backbone.
        config: The run's configuration; ``name``, ``model.backbone``, ``monitor`` and ``training.head_epochs`` are
            used.
        split: Name of the split to show.
        drivers: Number of query posters in the gallery.
        neighbours: Number of neighbours of each query poster.
        progress: Called with the name of the picture that is drawn next.

    Returns:
        The pictures; the same inputs give the same bytes of ``gallery.png``.

    Raises:
        InputError: The split has no posters.
    """
    tell = progress or (lambda _: None)
    folder, config = Path(folder), dict(config or {})
    at = np.flatnonzero(np.asarray(splits) == split)
    if not len(at):
        raise InputError(f"split={split}: no poster is in it; choose one of {', '.join(np.unique(splits))}")
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    matrix, group = np.asarray(embeddings, dtype=np.float32), np.asarray(groups)
    shown = at[sample_evenly(len(at))]
    drawn = Pictures(scores=collect_scores(metrics, split, per_query, frozen_per_query))
    with ThreadPoolExecutor(1) as beside:
        layout = beside.submit(project, matrix[shown])
        tell("gallery")
        rows = find_neighbours(
            matrix,
            catalogue,
            at,
            at[choose_queries(matrix[at], catalogue.genres[at], drivers, group[at])],
            k=neighbours,
            groups=group,
        )
        note = gallery_note(rows, len(at), split, config)
        drawn.files["gallery"] = folder / "gallery.png"
        write_png(draw_gallery(catalogue, rows, note=note), drawn.files["gallery"])
        tell("learning curves and bars")
        _draw_learning(folder, drawn, metrics, config)
        _draw_bars(folder, drawn, metrics, catalogue.select(at), split)
        tell("maps")
        points = layout.result()
    _draw_maps(folder, drawn, points, catalogue.select(shown))
    wall = draw_poster_map(points, catalogue.select(shown).paths)
    ground = Image.new("RGB", (wall.width + 48, wall.height + 48), LIGHT.paper)
    ground.paste(wall, (24, 24), wall)
    drawn.files["map_posters"] = folder / "pictures" / "map_posters.png"
    write_png(ground, drawn.files["map_posters"])
    return Pictures(drawn.files, drawn.charts, rows, wall, drawn.scores)


def backbone_of(config: Mapping[str, Any]) -> str | None:
    """Return the names of a run's backbone, None if its configuration has none."""
    backbone = (config.get("model") or {}).get("backbone")
    return join_names(backbone) if backbone else None


def gallery_note(rows: NeighbourLists, posters: int, split: str, config: Mapping[str, Any]) -> str:
    """Describe in one line what a gallery shows."""
    parts = [str(part) for part in (config.get("name"), backbone_of(config)) if part]
    parts.append(f"{len(rows)} of {posters:,} {split} posters, chosen for variety, search the other {posters - 1:,}")
    return " · ".join(parts)


def _draw_learning(
    folder: Path, drawn: Pictures, metrics: Mapping[str, float | None], config: Mapping[str, Any]
) -> None:
    curves = read_curves(folder / "metrics.csv", config)
    if curves is None:
        return
    alt = "Training loss and validation metric over the training steps"
    _chart(folder, drawn, "learning_curves", lambda theme: draw_curves(curves, metrics, theme), alt)


def _draw_bars(
    folder: Path, drawn: Pictures, metrics: Mapping[str, float | None], part: "Catalogue", split: str
) -> None:
    counts = dict(zip(part.genre_names, part.genres.sum(0).tolist(), strict=True))
    known = {score.key: score.interval for score in drawn.scores if score.interval is not None}
    gaps = {score.key: score.difference for score in drawn.scores if score.difference is not None}
    rows = genre_rows(metrics, split, counts, known, gaps)
    if rows:
        alt = f"Precision at 10 for each of {len(rows)} genres, beside chance and the frozen backbone"
        _chart(folder, drawn, "genre_bars", lambda theme: draw_genre_bars(rows, theme), alt)


def _draw_maps(folder: Path, drawn: Pictures, points: npt.NDArray[np.float64], part: "Catalogue") -> None:
    tips = [describe(part, position) for position in range(len(part))]
    alt = f"Map of {len(part):,} posters in which near neighbours are near, coloured by"
    _chart(
        folder,
        drawn,
        "map_genre",
        lambda theme: draw_genre_map(points, part.genres, part.genre_names, theme),
        f"{alt} genre",
        tips,
    )
    if np.isfinite(part.years).any():
        _chart(
            folder,
            drawn,
            "map_decade",
            lambda theme: draw_decade_map(points, part.years, theme),
            f"{alt} decade",
            tips,
        )


def _chart(folder: Path, drawn: Pictures, name: str, draw: Any, alt: str, tips: list[str] | None = None) -> None:
    path = folder / "pictures" / f"{name}.png"
    drawn.charts[name] = save_chart(draw, path, alt=alt, tips=tips or ())
    drawn.files[name] = path
