"""Search in a run's index by a poster's id, a film's title, an image or a vector."""

import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa

from keyart.errors import InputError
from keyart.retrieval.engines.registry import connect, find_engine
from keyart.retrieval.filters import parse_years
from keyart.retrieval.index import read_description
from keyart.retrieval.random_pairs import RandomPairs, known_share
from keyart.retrieval.search import Hits, Thin, search_batch
from keyart.retrieval.searchable import Searchable
from keyart.retrieval.titles import TitleTable, display_title
from keyart.runs.run import Run
from keyart.utils.paths import user_path

if TYPE_CHECKING:
    from keyart.images.any_image import AnyImage

AnyQuery: TypeAlias = "str | Path | AnyImage | Query"
"""A query: a text (an id, a title or a path), a path, an image in memory, a vector (E,), or a query that is read."""
OFFERED = 5
"""Maximum number of films that are suggested for an ambiguous title."""
IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm"])


class PosterLookup(Protocol):
    """Protocol of posters that can be looked up by id or title: an index or a catalogue."""

    @property
    def table(self) -> pa.Table:
        """(N rows), with the columns of :func:`keyart.retrieval.index.catalogue_table`."""

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if there is no such id."""

    def metadata(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return the metadata of some rows, in the order of ``rows``; None where a value is unknown."""


@dataclass(frozen=True, eq=False)
class Query:
    """Search query.

    Attributes:
        vector: (E,) unit vector.
        row: Its row in the index; None for an image or a vector.
        path: The image file; None for anything else.
        name: Name of an image that has no file, or of a vector.
        pixels: (height, width, 3) uint8 of an image.
    """

    vector: np.ndarray
    row: int | None = None
    path: Path | None = None
    name: str = ""
    pixels: np.ndarray | None = None


def open_index(
    run: Run, folder: Path | None = None, uri: str | None = None, collection: str | None = None
) -> Searchable:
    """Open the index in ``folder``, the collection at ``uri``, or by default the run's own index.

    Raises:
        InputError: The index is missing or incomplete, or its vectors are from another embedder.
    """
    embedder = run.embedder_folder
    if uri is None and collection is not None:
        raise InputError(f"``collection={collection}`` needs ``uri``: name the file or the server that holds it")
    if uri is not None:
        if folder is not None:
            raise InputError(f"``index={folder}`` and ``uri={uri}``: name one of them")
        return connect(uri, collection, embedder)
    where = folder or run.folder / "index"
    about = read_description(where)
    return find_engine(about["engine"]).load(where, about, embedder)


def decode_image(run: Run, image: Any, name: str = "") -> np.ndarray:
    """Decode an image to (height, width, 3) uint8, in the same way as the run's own posters."""
    from keyart.images.any_image import to_pixels
    from keyart.images.decode import BadImage, quiet_pillow

    try:
        with quiet_pillow():
            return to_pixels(image, run.image_size)
    except BadImage as why:
        raise InputError(f"{name or image!s}: {why.kind} ({why.detail}); {why.fix}") from None


_titles: "weakref.WeakKeyDictionary[PosterLookup, TitleTable]" = weakref.WeakKeyDictionary()


def titles_of(index: PosterLookup, report: Callable[[int, int], None] | None = None) -> TitleTable:
    """Return the table of an index's titles; it is built once and cached.

    Args:
        index: The index.
        report: See `TitleTable`.
    """
    if index not in _titles:
        titles, years, films = (index.table[name].to_pylist() for name in ("title", "year", "film"))
        known = [float("nan") if year is None else float(year) for year in years]
        _titles[index] = TitleTable(
            [title if isinstance(title, str) else "" for title in titles], known, list(map(str, films)), report
        )
    return _titles[index]


def find_row(index: PosterLookup, asked: str) -> int:
    """Return the row of an id, or of a title in any usual spelling.

    Raises:
        InputError: No poster matches, or several films do; the message suggests the possible ones.
    """
    known = index.row_of(asked)
    if known is not None:
        return known
    rows, sure = titles_of(index).find(asked)
    if sure:
        return rows[0]
    name = shortened(asked)
    if rows:
        found = "; ".join(describe_row(index, row) for row in rows[:OFFERED])
        more = f"; and {len(rows) - OFFERED} more" if len(rows) > OFFERED else ""
        raise InputError(f"{name}: several films match; name one by its id: {found}{more}")
    raise InputError(f"{name}: no poster has such an id or title, and there is no such image file")


def describe_row(index: PosterLookup, row: int) -> str:
    """Return title, year and id of a row as text."""
    poster = _facts(index.metadata(np.array([row]))[0])
    title = shortened(display_title(poster["title"]))
    year = "" if poster["year"] is None else f"({poster['year']})"
    name = " ".join(filter(None, [title, year]))
    return f"{name}, {poster['id']}" if name else poster["id"]


def shortened(text: str) -> str:
    """Return a query for a message, at most 80 characters of it."""
    return text if len(text) <= 80 else f"{text[:79]}…"


def find_poster(index: PosterLookup, asked: str) -> int | Path:
    """Resolve a query text: the row of an id, otherwise an image file, otherwise the row of a title.

    Raises:
        InputError: Nothing matches, or several films do.
    """
    if not asked.strip():
        raise InputError("an empty query: name an id, a title or an image file")
    if index.row_of(asked) is None:
        try:
            path = user_path(asked)
            is_file, is_folder, exists = path.is_file(), path.is_dir(), path.exists()
        except (OSError, RuntimeError):  # too long for a file name, or ~ of an unknown user
            return find_row(index, asked)
        if is_file:
            return path.resolve()
        if path.suffix.casefold() in IMAGE_SUFFIXES:
            raise InputError(f"{asked}: there is no such image file")
        if is_folder:
            raise InputError(f"{asked}: is a folder; name one image file, an id or a title")
        if exists:
            raise InputError(f"{asked}: is a pipe or a device; name an image file, an id or a title")
    return find_row(index, asked)


def read_queries(run: Run, index: Searchable, asked: "Sequence[AnyQuery]") -> list[Query]:
    """Convert texts (ids of the index, image files or titles), images and vectors to queries.

    Images are embedded in the run's own precision, as the posters of its index were.

    Raises:
        InputError: Some are unknown, ambiguous or unreadable: the message names the first and counts the others.
    """
    found: list[Query] = []
    faults = []
    decode = cache(partial(decode_image, run))
    for number, one in enumerate(asked):
        try:
            found.append(read_query(run, index, one, number, decode))
        except InputError as error:
            faults.append(str(error))
    if faults:
        more = f" (and {len(faults) - 1} more of {len(asked)} queries cannot be used)" if len(faults) > 1 else ""
        raise InputError(faults[0] + more)
    vectors: dict[object, np.ndarray] = {}
    unknown = [query for query in found if not len(query.vector)]
    if pixels := {id(query.pixels): query.pixels for query in unknown if query.pixels is not None}:
        encoder = run.encoder(precision=run.precision)
        vectors |= zip(pixels, encoder.encode(list(pixels.values())), strict=True)
    if rows := [query.row for query in unknown if query.row is not None]:
        vectors |= {("row", row): own for row, own in zip(rows, index.vectors(np.array(rows)), strict=True)}
    return [query if len(query.vector) else replace(query, vector=vectors[_key_of(query)]) for query in found]


def _key_of(query: Query) -> object:
    return id(query.pixels) if query.row is None else ("row", query.row)


def read_query(
    run: Run, index: PosterLookup, one: "AnyQuery", number: int, decode: Callable[[Path], np.ndarray]
) -> Query:
    """Resolve one query; the vectors of rows and images are still empty."""
    empty = np.empty(0, np.float32)
    if isinstance(one, Query):
        return one
    if isinstance(one, str):
        place = find_poster(index, one)
        return Query(empty, row=place) if isinstance(place, int) else Query(empty, path=place, pixels=decode(place))
    if isinstance(one, Path):
        return Query(empty, path=user_path(one).resolve(), pixels=decode(user_path(one).resolve()))
    if len(getattr(one, "shape", ())) == 1:
        vector = np.asarray(one.detach().cpu() if hasattr(one, "detach") else one, dtype=np.float32)
        length = float(np.linalg.norm(vector))
        dimensions = getattr(index, "dimensions", None)
        if dimensions is None:
            raise InputError(f"query {number}: a vector has no image; name a poster or an image")
        if vector.shape != (dimensions,) or not (np.isfinite(length) and length > 0):
            raise InputError(f"query {number}: a vector of shape {vector.shape}; give {dimensions} finite numbers")
        return Query(vector / length, name="vector")
    from keyart.images.any_image import name_image

    name = name_image(one, number)
    return Query(empty, name=name, pixels=decode_image(run, one, name))


def read_query_list(source: str) -> list[str]:
    """Read many queries: one per line from standard input (``-``) or a text file, or a table's column ``query``.

    Args:
        source: ``-``, a text file, or a CSV or Parquet table (``.csv``, ``.tsv``, ``.parquet``).

    Raises:
        InputError: The source cannot be read, has no such column, or holds no query.
    """
    from keyart.catalogue.table import read_table, table_faults
    from keyart.catalogue.values import as_text

    path = user_path(source)
    if source != "-" and path.suffix.lower() in (".csv", ".tsv", ".parquet", ".pq"):
        if not path.is_file():
            raise InputError(
                "there is no such file; name a table, or a file with one query per line",
                parameter="queries",
                value=source,
            )
        if faults := table_faults(path, "queries"):
            raise InputError(faults[0].removeprefix(f"{path}: "), parameter="queries", value=path)
        table = read_table(path)
        if table.problems:
            problem = table.problems[0]
            raise InputError(
                f"line {problem.row}: {problem.kind} ({problem.detail})", parameter="queries", value=source
            )
        if "query" not in table.names:
            raise InputError(
                f"has no column query (its columns: {', '.join(table.names)}); name a column so, or"
                " give a .txt file with one query per line",
                parameter="queries",
                value=source,
            )
        lines = [as_text(cell) for cell in table.columns[table.names.index("query")]]
    else:
        try:
            text = sys.stdin.read() if source == "-" else path.read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise InputError(
                f"cannot be read ({reason}); name a file with one query per line", parameter="queries", value=source
            ) from None
        lines = text.splitlines()
    asked = [line.strip() for line in lines if line.strip()]
    if not asked:
        raise InputError("contains no query; write one per line", parameter="queries", value=source)
    return asked


def images_folder(run: Run, index: Searchable, given: Path | None = None) -> Path:
    """Return the folder of the index's posters.

    Raises:
        InputError: The folder does not exist.
    """
    if given is None:
        found = index.notes.get("images")
        if found is None:
            found = run.dataset_entry("images")
        given = Path(found)
    if not given.is_dir():
        raise InputError(f"{given}: the folder of the index's posters does not exist; name it with ``images``")
    return given


def distinct_pictures(run: Run, index: Searchable, query: Query, images: Path) -> Thin:
    """Return a filter that removes near-duplicates of the query and of better rows."""

    def thin(rows: np.ndarray) -> np.ndarray:
        groups = picture_groups(run, index, query, rows, images)
        return np.asarray(groups == np.arange(1, len(groups) + 1))

    return thin


def picture_groups(run: Run, index: Searchable, query: Query, rows: np.ndarray, images: Path) -> np.ndarray:
    """Group posters of an index by near-duplicates, the query first.

    Returns:
        (R,) the group of each row: 0 if it is a near-duplicate of the query; 1 + the position of the first row that it
        is a near-duplicate of, otherwise.
    """
    import torch

    from keyart.images.duplicates import group_thumbnails, shrink, thumbnails
    from keyart.images.pixel_cache import open_pixels

    own = np.array([] if query.row is None else [query.row], dtype=np.int64)
    paths = [images / poster["img"] for poster in index.metadata(np.concatenate([own, rows]))]
    pixels, _, bad = open_pixels(paths, run.image_size)
    for i, why in bad.items():
        raise InputError(f"{paths[i]}: {why.kind} ({why.detail}); name the posters' folder with ``images``")
    small = thumbnails(pixels)
    if query.pixels is not None:
        small = torch.cat([shrink(torch.from_numpy(query.pixels.copy())[None]), small])
    groups = group_thumbnails(small, 20.0, 0.8, 32)
    # A query vector has no pixels, so the group numbers begin at the first row.
    return groups[1:] if len(groups) > len(rows) else groups + 1


def search_run(
    run: Run,
    index: Searchable,
    asked: "Sequence[AnyQuery]",
    k: int = 10,
    *,
    genres: Sequence[str] = (),
    years: str | None = None,
    diverse: bool = False,
    hide_duplicates: bool = False,
    images: Path | None = None,
) -> list[tuple[Query, Hits]]:
    """Return for each query the k posters of an index that are most similar to it.

    All queries are read before the search. The embedder is loaded only if a query is an image. For the other arguments
    see `keyart.Run.search`.
    """
    if k < 1:
        raise InputError(f"-k {k}: ask for at least one poster")
    rows = index.selection(genres, parse_years(years) if years else None)
    folder = images_folder(run, index, images) if hide_duplicates else None
    queries = read_queries(run, index, asked)
    hits = search_batch(
        index,
        np.stack([query.vector for query in queries]),
        k,
        own=[query.row for query in queries],
        rows=rows,
        thin=[None if folder is None else distinct_pictures(run, index, query, folder) for query in queries],
        diverse=diverse,
    )
    return list(zip(queries, hits, strict=True))


def poster_metadata(index: PosterLookup, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return the metadata of posters for JSON: id, title, year, genres, img, and film and split if known."""
    return [_facts(poster) for poster in index.metadata(np.asarray(rows, dtype=np.int64))]


def query_metadata(index: PosterLookup, query: Query) -> dict[str, Any]:
    """Return a poster's metadata for JSON; of an image or a vector, its path or name as ``image``."""
    if query.row is None:
        return {"image": query.name if query.path is None else str(query.path)}
    return poster_metadata(index, np.array([query.row]))[0]


def _facts(poster: dict[str, Any]) -> dict[str, Any]:
    known = {name: poster[name] for name in ("film", "split") if isinstance(poster.get(name), str)}
    year = poster["year"]
    return {
        "id": str(poster["id"]),
        "title": poster["title"] if isinstance(poster["title"], str) else "",
        "year": None if year is None or year != year else int(year),
        "genres": [name for name in str(poster["genres"]).split("|") if name],
        "img": str(poster["img"]),
        **known,
    }


def searched_text(found: int, searched: int, posters: int) -> str:
    """Return a heading that says how many posters were searched.

    Examples:
        >>> searched_text(10, 1500, 1500), searched_text(10, 312, 1500)
        ('the 10 nearest of 1,500', 'the 10 nearest of the 312 that pass the filters, of 1,500')
    """
    if searched == posters:
        return f"the {found} nearest of {posters:,}"
    return f"the {found} nearest of the {searched:,} that pass the filters, of {posters:,}"


def as_json(index: Searchable, query: Query, hits: Hits) -> dict[str, Any]:
    """Convert a search result to a dict for JSON.

    It is ``{"query": …, "posters", "searched", "neighbours": [{"score", "closer_than", "id", …}, …]}``, with the
    neighbours best first. ``posters`` is the size of the index, ``searched`` the number of posters that passed the
    filters. ``score`` is the cosine, ``closer_than`` the share of random pairs of the index's posters with a lower
    cosine.
    """
    shares = RandomPairs.of_index(index).closer_than(hits.scores)
    found = [
        {"score": round(float(score), 6), "closer_than": known_share(share)} | facts
        for facts, score, share in zip(poster_metadata(index, hits.rows), hits.scores, shares, strict=True)
    ]
    return {
        "query": query_metadata(index, query),
        "posters": len(index),
        "searched": hits.searched,
        "neighbours": found,
    }
