"""Searching a run's index as people do: by a poster's id, by a title, or with an image."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from onesheet.errors import InputError
from onesheet.retrieval.filters import matching_rows, parse_years
from onesheet.retrieval.index import PosterIndex
from onesheet.retrieval.search import Hits, Thin, search_index
from onesheet.retrieval.titles import find_title
from onesheet.run import Run

IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm"])


class Listing(Protocol):
    """Posters that can be asked for by id or title: an index, or a catalogue."""

    @property
    def posters(self) -> pd.DataFrame:
        """(N rows) as :func:`onesheet.retrieval.index.catalogue_table` gives them."""

    @property
    def rows(self) -> dict[str, int]:
        """The row of each id."""


@dataclass(frozen=True, eq=False)
class Query:
    """What is searched with.

    Attributes:
        vector: (E,) unit vector.
        row: Its row in the index; None for an image file.
        path: The image file; None for a row.
    """

    vector: np.ndarray
    row: int | None = None
    path: Path | None = None


def open_index(run: Run, folder: Path | None = None) -> PosterIndex:
    """The index in ``folder``, or the run's own; refused where another embedder made its vectors."""
    return PosterIndex.load(folder or run.folder / "index", run.folder / "embedder")


def decode_image(run: Run, path: Path) -> np.ndarray:
    """(height, width, 3) uint8 of one image file, decoded as the run's own posters were.

    Raises:
        InputError: The file is no image that can be used.
    """
    from onesheet.images import BadImage, decode_poster
    from onesheet.images.decode import quiet_pillow

    try:
        with quiet_pillow():
            return decode_poster(path.read_bytes(), run.image_size)
    except BadImage as why:
        raise InputError(f"{path}: {why.kind} ({why.detail}); {why.mend}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name an image file") from None


def embed_image(run: Run, path: Path) -> np.ndarray:
    """(E,) unit vector of one image file, decoded and embedded as the run's own posters were.

    Raises:
        InputError: The file is no image that can be used.
    """
    import torch

    from onesheet.embedding.embedder import to_images
    from onesheet.embedding.precision import autocast_for

    pixels = decode_image(run, path)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    embedder = run.embedder().to(device)
    images = to_images(torch.from_numpy(pixels.copy())[None], device)
    with torch.inference_mode(), autocast_for(device, run.config["training"]["precision"]):
        return np.asarray(embedder(images)[0].float().cpu().numpy())


def find_row(index: Listing, asked: str) -> int:
    """The row of an id, or of a title as people write it.

    Raises:
        InputError: Nothing is called so, or several films are.
    """
    if asked in index.rows:
        return index.rows[asked]
    titles = ["" if not isinstance(title, str) else title for title in index.posters["title"]]
    years = index.posters["year"].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    rows, sure = find_title(asked, titles, years.tolist())
    if sure:
        return rows[0]
    if rows:
        told = "; ".join(describe_row(index, row) for row in rows)
        raise InputError(f"{asked}: which film is meant? Name one by its id: {told}")
    raise InputError(f"{asked}: there is no poster of such an id or title, and no such image file")


def describe_row(index: Listing, row: int) -> str:
    """Id, title and year of a row."""
    poster = index.posters.iloc[row]
    year = "" if pd.isna(poster["year"]) else f" ({int(poster['year'])})"
    return f"{poster['id']} {poster['title']}{year}".strip()


def find_poster(index: Listing, asked: str) -> int | Path:
    """What was typed: the row of an id, else an image file, else the row of a title.

    Raises:
        InputError: Nothing is called so, or several films are.
    """
    if asked not in index.rows:
        path = Path(asked).expanduser()
        if path.is_file():
            return path.resolve()
        if path.suffix.casefold() in IMAGE_SUFFIXES:
            raise InputError(f"{asked}: there is no such image file")
        if path.is_dir():
            raise InputError(f"{asked}: is a folder; name one image file, an id or a title")
    return find_row(index, asked)


def read_query(run: Run, index: PosterIndex, asked: str) -> Query:
    """A query from what was typed: an id of the index, else an image file, else a title."""
    found = find_poster(index, asked)
    if isinstance(found, Path):
        return Query(embed_image(run, found), path=found)
    return Query(index.vectors(np.array([found]))[0], row=found)


def images_folder(run: Run, index: PosterIndex, given: Path | None = None) -> Path:
    """Where the index's posters are.

    Raises:
        InputError: They are not there any more.
    """
    if given is None:
        told = index.notes.get("images")
        if told is None:
            told = json.loads((run.folder / "environment.json").read_text(encoding="utf-8"))["dataset"]["images"]
        given = Path(told)
    if not given.is_dir():
        raise InputError(f"{given}: the index's posters are not there; name their folder with --images")
    return given


def distinct_pictures(run: Run, index: PosterIndex, query: Query, images: Path) -> Thin:
    """Keeps rows whose picture is neither the query's nor that of a better row, near-duplicates being the same."""
    from onesheet.images import open_pixels
    from onesheet.images.duplicates import group_thumbnails, thumbnails

    def thin(rows: np.ndarray) -> np.ndarray:
        files = index.posters["img"].to_numpy()
        own = query.path if query.path is not None else images / files[query.row]
        paths = [own, *(images / files[row] for row in rows)]
        pixels, _, bad = open_pixels(paths, run.image_size)
        for i, why in bad.items():
            raise InputError(f"{paths[i]}: {why.kind} ({why.detail}); name the posters' folder with --images")
        groups = group_thumbnails(thumbnails(pixels), 20.0, 0.8, 32)
        return np.asarray(groups[1:] == np.arange(1, len(groups)))

    return thin


def search_run(
    run: Run,
    index: PosterIndex,
    asked: str,
    k: int = 10,
    *,
    genres: Sequence[str] = (),
    years: str | None = None,
    diverse: bool = False,
    hide_duplicates: bool = False,
    images: Path | None = None,
) -> tuple[Query, Hits]:
    """The k posters of an index that look and feel most like what was asked for.

    Args:
        run: Its embedder made the index.
        index: What is searched.
        asked: An id, an image file or a title.
        k: How many.
        genres: Genres that every answer has.
        years: Years of the answers, as for :func:`onesheet.retrieval.filters.parse_years`.
        diverse: Choose answers that also differ from one another.
        hide_duplicates: Show no picture twice, nor the query's.
        images: The posters' folder; None: the one that the index names.

    Raises:
        InputError: What was asked for is unknown, ambiguous or unreadable, or nothing is left to find.
    """
    if k < 1:
        raise InputError(f"-k {k}: ask for at least one poster")
    rows = matching_rows(index.posters, genres, parse_years(years) if years else None)
    query = read_query(run, index, asked)
    thin = distinct_pictures(run, index, query, images_folder(run, index, images)) if hide_duplicates else None
    return query, search_index(index, query.vector, k, own=query.row, rows=rows, thin=thin, diverse=diverse)


def poster_facts(index: Listing, row: int) -> dict[str, Any]:
    """What the index knows of a poster, for JSON: id, title, year, genres, img, and film and split where known."""
    poster = index.posters.iloc[row]
    known = {name: poster[name] for name in ("film", "split") if isinstance(poster.get(name), str)}
    year = poster["year"]
    return {
        "id": str(poster["id"]),
        "title": str(poster["title"]) if isinstance(poster["title"], str) else "",
        "year": None if pd.isna(year) else int(year),
        "genres": [name for name in str(poster["genres"]).split("|") if name],
        "img": str(poster["img"]),
        **known,
    }


def as_json(index: PosterIndex, query: Query, hits: Hits) -> dict[str, Any]:
    """``{"query": …, "neighbours": [{"id", "score", "title", "genres", "img", …}, …]}``, best first."""
    told = poster_facts(index, query.row) if query.row is not None else {"image": str(query.path)}
    found = [
        {"score": round(float(score), 6)} | poster_facts(index, int(row))
        for row, score in zip(hits.rows, hits.scores, strict=True)
    ]
    return {"query": told, "neighbours": found}
