"""Searching a run's index as people do: by a poster's id, by a title, or with an image."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from keyart.errors import InputError
from keyart.retrieval.filters import parse_years
from keyart.retrieval.index import PosterIndex
from keyart.retrieval.random_pairs import RandomPairs, known_share
from keyart.retrieval.search import Hits, Thin, search_index
from keyart.retrieval.searchable import Searchable
from keyart.retrieval.titles import find_title
from keyart.run import Run

IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm"])


class Listing(Protocol):
    """Posters that can be asked for by id or title: an index, or a catalogue."""

    @property
    def posters(self) -> pd.DataFrame:
        """(N rows) as :func:`keyart.retrieval.index.catalogue_table` gives them."""

    def row_of(self, one: str) -> int | None:
        """The row of an id; None where there is no such id."""

    def facts(self, rows: np.ndarray) -> pd.DataFrame:
        """What is known of some posters, in the order asked for."""


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


def open_index(
    run: Run, folder: Path | None = None, uri: str | None = None, collection: str | None = None
) -> Searchable:
    """The index in ``folder``, the Milvus collection behind ``uri``, or else the run's own index.

    Raises:
        InputError: There is no whole index there, or another embedder made its vectors.
    """
    embedder = run.folder / "embedder"
    if uri is None and collection is not None:
        raise InputError(f"--collection {collection} needs --uri: name the file or the server that holds it")
    if uri is not None:
        from keyart.retrieval.milvus_index import COLLECTION, MilvusIndex

        if folder is not None:
            raise InputError(f"--index {folder} and --uri {uri}: name one of them")
        return MilvusIndex.open(uri, collection or COLLECTION, embedder)
    where = folder or run.folder / "index"
    if named := _milvus_file(where):
        from keyart.retrieval.milvus_index import MilvusIndex

        return MilvusIndex.open(*named, embedder)
    return PosterIndex.load(where, embedder)


def _milvus_file(folder: Path) -> tuple[str, str] | None:
    """The embedded Milvus file in an index's folder, and its collection; None where the vectors are FAISS's.

    A folder may be anybody's: it never chooses the server that gets ``MILVUS_TOKEN``, nor a file elsewhere.

    Raises:
        InputError: The vectors are on a server or in a file outside the folder, which only the user may name.
    """
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if about["engine"] != "milvus":
            return None
        uri, collection = str(about["uri"]), str(about["collection"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    from keyart.retrieval.milvus_client import is_file, shown

    path = (folder / uri).resolve()
    if is_file(uri) and path.is_relative_to(folder.resolve()):
        return str(path), collection
    raise InputError(
        f"{folder}: its vectors are elsewhere; if you trust that place, name it yourself:"
        f" --uri {shlex.quote(shown(uri))} --collection {shlex.quote(collection)}"
    )


def decode_image(run: Run, path: Path) -> np.ndarray:
    """(height, width, 3) uint8 of one image file, decoded as the run's own posters were.

    Raises:
        InputError: The file is no image that can be used.
    """
    from keyart.images import BadImage, decode_poster
    from keyart.images.decode import quiet_pillow

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

    from keyart.embedding.embedder import to_images
    from keyart.embedding.precision import autocast_for

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
    known = index.row_of(asked)
    if known is not None:
        return known
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
    poster = index.facts(np.array([row])).iloc[0]
    year = "" if pd.isna(poster["year"]) else f" ({int(poster['year'])})"
    return f"{poster['id']} {poster['title']}{year}".strip()


def find_poster(index: Listing, asked: str) -> int | Path:
    """What was typed: the row of an id, else an image file, else the row of a title.

    Raises:
        InputError: Nothing is called so, or several films are.
    """
    if index.row_of(asked) is None:
        path = Path(asked).expanduser()
        if path.is_file():
            return path.resolve()
        if path.suffix.casefold() in IMAGE_SUFFIXES:
            raise InputError(f"{asked}: there is no such image file")
        if path.is_dir():
            raise InputError(f"{asked}: is a folder; name one image file, an id or a title")
    return find_row(index, asked)


def read_query(run: Run, index: Searchable, asked: str) -> Query:
    """A query from what was typed: an id of the index, else an image file, else a title."""
    found = find_poster(index, asked)
    if isinstance(found, Path):
        return Query(embed_image(run, found), path=found)
    return Query(index.vectors(np.array([found]))[0], row=found)


def images_folder(run: Run, index: Searchable, given: Path | None = None) -> Path:
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


def distinct_pictures(run: Run, index: Searchable, query: Query, images: Path) -> Thin:
    """Keeps rows whose picture is neither the query's nor that of a better row, near-duplicates being the same."""
    from keyart.images import open_pixels
    from keyart.images.duplicates import group_thumbnails, thumbnails

    def thin(rows: np.ndarray) -> np.ndarray:
        own = [] if query.row is None else [query.row]
        files = index.facts(np.concatenate([np.array(own, dtype=np.int64), rows]))["img"]
        paths = ([] if query.path is None else [query.path]) + [images / file for file in files]
        pixels, _, bad = open_pixels(paths, run.image_size)
        for i, why in bad.items():
            raise InputError(f"{paths[i]}: {why.kind} ({why.detail}); name the posters' folder with --images")
        groups = group_thumbnails(thumbnails(pixels), 20.0, 0.8, 32)
        return np.asarray(groups[1:] == np.arange(1, len(groups)))

    return thin


def search_run(
    run: Run,
    index: Searchable,
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
        years: Years of the answers, as for :func:`keyart.retrieval.filters.parse_years`.
        diverse: Choose answers that also differ from one another.
        hide_duplicates: Show no picture twice, nor the query's.
        images: The posters' folder; None: the one that the index names.

    Raises:
        InputError: What was asked for is unknown, ambiguous or unreadable, or nothing is left to find.
    """
    if k < 1:
        raise InputError(f"-k {k}: ask for at least one poster")
    rows = index.selection(genres, parse_years(years) if years else None)
    query = read_query(run, index, asked)
    thin = distinct_pictures(run, index, query, images_folder(run, index, images)) if hide_duplicates else None
    return query, search_index(index, query.vector, k, own=query.row, rows=rows, thin=thin, diverse=diverse)


def poster_facts(index: Listing, rows: np.ndarray) -> list[dict[str, Any]]:
    """What the index knows of posters, for JSON: id, title, year, genres, img, and film and split where known."""
    return [_facts(poster) for _, poster in index.facts(np.asarray(rows, dtype=np.int64)).iterrows()]


def _facts(poster: "pd.Series[Any]") -> dict[str, Any]:
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


def searched_text(found: int, searched: int, posters: int) -> str:
    """What was searched, for a heading.

    Examples:
        >>> searched_text(10, 1500, 1500), searched_text(10, 312, 1500)
        ('the 10 nearest of 1,500', 'the 10 nearest of the 312 that pass the filters, of 1,500')
    """
    if searched == posters:
        return f"the {found} nearest of {posters:,}"
    return f"the {found} nearest of the {searched:,} that pass the filters, of {posters:,}"


def as_json(index: Searchable, query: Query, hits: Hits) -> dict[str, Any]:
    """``{"query": …, "posters", "searched", "neighbours": [{"score", "closer_than", "id", "title", …}, …]}``.

    Best first. ``posters`` counts the index, ``searched`` what passed the filters. ``score`` is the cosine,
    ``closer_than`` the share of random pairs of the index's posters whose cosine is lower.
    """
    told = {"image": str(query.path)} if query.row is None else poster_facts(index, np.array([query.row]))[0]
    shares = RandomPairs.of_index(index).closer_than(hits.scores)
    found = [
        {"score": round(float(score), 6), "closer_than": known_share(share)} | facts
        for facts, score, share in zip(poster_facts(index, hits.rows), hits.scores, shares, strict=True)
    ]
    return {"query": told, "posters": len(index), "searched": hits.searched, "neighbours": found}
