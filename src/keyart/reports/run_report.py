"""The report of a run: one self-contained page that needs no network, no script and no server."""

import base64
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from keyart.reports.branches import branch_section
from keyart.reports.contrasting_pairs import Pair, dissimilar_same_genres, similar_other_genres
from keyart.reports.html import load_macros
from keyart.reports.neighbours import find_neighbours
from keyart.reports.page import build_credits, build_page
from keyart.reports.poster_html import LARGE, PosterImages, cosine_text
from keyart.reports.run_pictures import Pictures, Progress, backbone_of, draw_pictures
from keyart.reports.score_table import headline, score_tables
from keyart.utils.files import write_text
from keyart.utils.text import Markup

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

MAX_COMPARED = 20_000
"""Maximum number of posters among which contrasting pairs are searched."""


def write_report(
    folder: str | Path,
    *,
    embeddings: npt.ArrayLike,
    frozen: npt.ArrayLike | None,
    catalogue: "Catalogue",
    groups: npt.ArrayLike,
    splits: npt.ArrayLike,
    metrics: Mapping[str, float | None],
    per_query: pd.DataFrame | None,
    frozen_per_query: pd.DataFrame | None,
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    split: str = "test",
    progress: Progress | None = None,
) -> Path:
    """Write a run's ``report.html`` with ``gallery.png`` and ``pictures/*.png`` into its folder.

    Args:
        folder: The run's folder; ``metrics.csv`` in it is read if it exists.
        embeddings: (N, E) embeddings of the catalogue's posters.
        frozen: (N, F) pooled features of the frozen backbone; None omits the comparison in the gallery.
        catalogue: The N posters.
        groups: (N,) near-duplicate groups.
        splits: (N,) names of the posters' splits.
        metrics: Flat metrics, as in ``metrics.json``.
        per_query: Per-query values, as in ``per_query.parquet``: ``id``, ``split``, each metric. None: no intervals.
        frozen_per_query: The same of the frozen backbone. None: no intervals of differences.
        config: The resolved configuration.
        environment: Versions, git state and dataset.
        split: Name of the split to show and evaluate.
        progress: Called with the name of the next step.

    Raises:
        InputError: The split has no posters.
    """
    folder = Path(folder)
    pictures = draw_pictures(
        folder,
        embeddings=embeddings,
        catalogue=catalogue,
        groups=groups,
        splits=splits,
        metrics=metrics,
        per_query=per_query,
        frozen_per_query=frozen_per_query,
        config=config,
        split=split,
        progress=progress,
    )
    if progress is not None:
        progress("report")
    names = np.asarray(splits)
    at = np.flatnonzero(names == split)
    first = str(config.get("monitor") or "val/ndcg@10").partition("/")[2]
    matrix, group = np.asarray(embeddings, dtype=np.float32), np.asarray(groups)
    embedding = environment.get("embedding") or {}
    branches, output_size = embedding.get("branches") or {}, embedding.get("output_size")
    loss = (config.get("loss") or {}).get("name")
    rows, frozen_rows, contrasting = pictures.rows, None, _contrasting(matrix, catalogue, group, at)
    if rows is not None and frozen is not None and rows.neighbours.size:
        k = rows.neighbours.shape[1]
        frozen_rows = find_neighbours(frozen, catalogue, at, rows.queries, k=k, groups=group)
    shown = [] if rows is None else [*rows.shown, *([] if frozen_rows is None else frozen_rows.shown)]
    contrasted = [side for _, _, pairs in contrasting for pair in pairs for side in (pair.first, pair.second)]
    parts = load_macros(
        "run.html.j2",
        split=split,
        count=len(at),
        trained=int((names == "train").sum()),
        size=matrix.shape[1],
        backbone=backbone_of(config),
        loss=loss,
        branches=branches,
        output_size=output_size,
        rows=rows,
        frozen_rows=frozen_rows,
        images=PosterImages(catalogue, shown),
        charts={name: Markup(chart) for name, chart in pictures.charts.items()},
        wall=pictures.wall,
        wall_uri=None if pictures.wall is None else _webp_uri(pictures.wall),
        contrasting=contrasting,
        large_images=PosterImages(catalogue, contrasted, LARGE),
        cosine_text=cosine_text,
    )
    sections = [
        ("neighbours", "Nearest neighbours", parts.neighbours()),
        ("metrics", "Metrics", _metrics(pictures, metrics, first, split)),
        ("branches", "What each branch brings", branch_section(metrics, split, branches, loss, output_size)),
        ("learning", "Learning", parts.learning()),
        ("map", "Map", parts.map()),
        ("genres", "Genres", parts.genres()),
        ("contrasts", "Where genre and look disagree", parts.contrasts()),
    ]
    page = build_page(
        str(config.get("name") or folder.name),
        parts.lead(),
        headline(pictures.scores, first),
        [section for section in sections if section[2].strip()],
        build_credits(config, environment),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _metrics(pictures: Pictures, metrics: Mapping[str, float | None], first: str, split: str) -> Markup:
    if not pictures.scores:
        return Markup()
    queries, gallery = (metrics.get(f"{split}/{name}") for name in ("queries", "gallery"))
    text = "" if queries is None or gallery is None else f"{queries:,.0f} queries in {gallery:,.0f} posters."
    return score_tables(pictures.scores, first, text)


def _contrasting(
    embeddings: npt.NDArray[np.float32], catalogue: "Catalogue", groups: npt.NDArray[Any], at: npt.NDArray[np.int64]
) -> list[tuple[str, str, list[Pair]]]:
    """Return title, text and pairs of each kind of contrast that occurs."""
    at = at[:: -(-len(at) // MAX_COMPARED)]
    inputs = embeddings[at], catalogue.genres[at], 6, groups[at]
    kinds = (
        (
            "Same genres, unlike",
            "Posters with exactly the same genres that the embedding sets farthest apart.",
            dissimilar_same_genres(*inputs),
        ),
        (
            "Alike, other genre",
            "Posters without a genre in common that the embedding takes for alike; near-duplicates are left out.",
            similar_other_genres(*inputs),
        ),
    )
    return [(title, text, [_whole(pair, at) for pair in pairs]) for title, text, pairs in kinds if pairs]


def _whole(pair: Pair, at: npt.NDArray[np.int64]) -> Pair:
    """Convert a pair's positions in the split to positions in the whole catalogue."""
    return replace(pair, first=int(at[pair.first]), second=int(at[pair.second]))


def _webp_uri(image: Image.Image) -> Markup:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=3)
    return Markup("data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"))
