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
from keyart.reports.contrasting_pairs import Pair, alike_other_genre, same_genres_unlike
from keyart.reports.neighbours import find_neighbours
from keyart.reports.page import build_credits, build_page
from keyart.reports.poster_html import LARGE, PosterImages, gallery_rows, pair_cards
from keyart.reports.run_pictures import Pictures, Progress, make_pictures
from keyart.reports.score_table import headline, score_tables
from keyart.utils.files import write_text
from keyart.utils.text import to_html

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

MOST_COMPARED = 20_000
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

    Returns:
        The path of the page.

    Raises:
        InputError: The split has no posters.
    """
    folder = Path(folder)
    pictures = make_pictures(
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
    sections = [
        ("neighbours", "Nearest neighbours", _gallery(pictures, matrix, frozen, catalogue, group, at, split)),
        ("metrics", "Metrics", _metrics(pictures, metrics, first, split)),
        ("branches", "What each branch brings", _branches(metrics, config, embedding, split)),
        ("learning", "Learning", _chart(pictures, "learning_curves")),
        ("map", "Map", _maps(pictures, len(at), split)),
        ("genres", "Genres", _genres(pictures)),
        ("contrasts", "Where genre and look disagree", _contrasts(matrix, catalogue, group, at)),
    ]
    title = str(config.get("name") or folder.name)
    lead = _lead(config, names, matrix.shape[1], embedding, split)
    page = build_page(
        title,
        lead,
        headline(pictures.scores, first),
        [section for section in sections if section[2]],
        build_credits(config, environment),
    )
    path = folder / "report.html"
    write_text(path, page)
    return path


def _lead(
    config: Mapping[str, Any], splits: npt.NDArray[Any], size: int, embedding: Mapping[str, Any], split: str
) -> str:
    """Describe the embedding's size and origin; the loss is named only with the branch that it trained."""
    backbone = (config.get("model") or {}).get("backbone")
    loss = (config.get("loss") or {}).get("name")
    count, trained = int((splits == split).sum()), int((splits == "train").sum())
    made = f"{size:,} numbers a poster" + (f" from <b>{to_html(str(backbone))}</b>" if backbone else "")
    by_loss = f" with the {to_html(str(loss))} loss" if loss else ""
    branches = embedding.get("branches") or {}
    if len(branches) > 1:
        how = {"learned": f"trained{by_loss}", "closed_form": "solved in closed form", "frozen": "not trained"}
        origins = ", ".join(f"{n:,} {how.get(name, to_html(name))}" for name, n in branches.items())
        if embedding.get("output_size"):
            made += f", the principal components of {sum(branches.values()):,}"
        made += (f", from {trained:,} training posters" if trained else "") + f": {origins}"
    elif trained:
        made += f", trained on {trained:,} posters{by_loss}"
    return f"{made}; evaluated on {count:,} {to_html(split)} posters, each searching all the others."


def _branches(
    metrics: Mapping[str, float | None], config: Mapping[str, Any], embedding: Mapping[str, Any], split: str
) -> str:
    loss = (config.get("loss") or {}).get("name")
    return branch_section(metrics, split, embedding.get("branches") or {}, loss, embedding.get("output_size"))


def _gallery(
    pictures: Pictures,
    embeddings: npt.NDArray[np.float32],
    frozen: npt.ArrayLike | None,
    catalogue: "Catalogue",
    groups: npt.NDArray[Any],
    at: npt.NDArray[np.int64],
    split: str,
) -> str:
    rows = pictures.rows
    if rows is None or not rows.neighbours.size:
        return ""
    others = None
    if frozen is not None:
        k = rows.neighbours.shape[1]
        others = find_neighbours(frozen, catalogue, at, rows.queries, k=k, groups=groups)
    images = PosterImages(catalogue, [*rows.shown, *([] if others is None else others.shown)])
    return (
        f"<p>{len(rows)} of the {len(at):,} {to_html(split)} posters, one for each of the commonest genres in turn: "
        "the one that best stands for what is not yet shown of its genre. How well they do plays no part in it.</p>"
        '<ul class="legend"><li><em>Genre</em> that the query has too</li><li><span class="bar"></span>overlap of the '
        "genre sets</li><li>0.83 · 97%: cosine, closer than 97% of random pairs</li></ul>"
        f"{gallery_rows(catalogue, rows, images, others)}"
    )


def _metrics(pictures: Pictures, metrics: Mapping[str, float | None], first: str, split: str) -> str:
    if not pictures.scores:
        return ""
    queries, gallery = (metrics.get(f"{split}/{name}") for name in ("queries", "gallery"))
    told = "" if queries is None or gallery is None else f"{queries:,.0f} queries in {gallery:,.0f} posters."
    return score_tables(pictures.scores, first, told)


def _chart(pictures: Pictures, name: str) -> str:
    chart = pictures.charts.get(name)
    return "" if chart is None else f'<div class="wide">{chart}</div>'


def _genres(pictures: Pictures) -> str:
    chart = _chart(pictures, "genre_bars")
    return chart and (
        "<p>Of the ten nearest neighbours of a poster that has the genre, how many have it too. Beside each name: "
        f"how many posters have it.</p>{chart}"
    )


def _maps(pictures: Pictures, posters: int, split: str) -> str:
    parts = [
        f"<p>t-SNE of {posters:,} {to_html(split)} posters: near neighbours stay near, distances between far groups "
        "mean little. A poster of several genres takes the colour of the rarest one; the small maps show all that have "
        "it.</p>"
    ]
    if pictures.wall is not None:
        alt = "Posters hung where the embedding puts them; where several meet, one stands for all"
        parts.append(
            f'<div class="wall"><img src="{_webp_uri(pictures.wall)}" width="{pictures.wall.width}" '
            f'height="{pictures.wall.height}" alt="{alt}"></div>'
        )
    charts = "".join(_chart(pictures, name) for name in ("map_genre", "map_decade"))
    return "".join(parts) + f'<div class="maps">{charts}</div>'


def _contrasts(
    embeddings: npt.NDArray[np.float32], catalogue: "Catalogue", groups: npt.NDArray[Any], at: npt.NDArray[np.int64]
) -> str:
    at = at[:: -(-len(at) // MOST_COMPARED)]
    inputs = embeddings[at], catalogue.genres[at], 6, groups[at]
    kinds = (
        (
            "Same genres, unlike",
            "Posters with exactly the same genres that the embedding sets farthest apart.",
            same_genres_unlike(*inputs),
        ),
        (
            "Alike, other genre",
            "Posters without a genre in common that the embedding takes for alike; near-duplicates are left out.",
            alike_other_genre(*inputs),
        ),
    )
    found = [(title, told, [_whole(pair, at) for pair in pairs]) for title, told, pairs in kinds if pairs]
    images = PosterImages(
        catalogue, [side for _, _, pairs in found for pair in pairs for side in (pair.first, pair.second)], LARGE
    )
    return "".join(
        f"<h3>{title}</h3><p>{told}</p>{pair_cards(catalogue, pairs, images)}" for title, told, pairs in found
    )


def _whole(pair: Pair, at: npt.NDArray[np.int64]) -> Pair:
    """Convert a pair's positions in the split to positions in the whole catalogue."""
    return replace(pair, first=int(at[pair.first]), second=int(at[pair.second]))


def _webp_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=80, method=3)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
