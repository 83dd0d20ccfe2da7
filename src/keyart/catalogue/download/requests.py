"""List of the posters that a table requests: their ids, file names and URLs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keyart.catalogue.aliases import normalise_name
from keyart.catalogue.columns import detect_columns, holds_urls
from keyart.catalogue.image_folder import ImageFolder, stem, strip_leading_slash
from keyart.catalogue.missing_columns import missing_columns
from keyart.catalogue.rows import read_row_ids
from keyart.catalogue.table import RawTable, read_table, table_faults
from keyart.catalogue.values import as_text
from keyart.errors import InputError

#: Names of columns that may contain poster URLs, in order of preference, as `normalise_name` normalises them.
URL_COLUMNS = (
    *("posterurl", "posterlink", "poster", "imageurl", "imgurl", "imagelink", "coverurl", "posterpath"),
    *("image", "img", "cover", "url", "link"),
)


@dataclass(frozen=True)
class PosterRequest:
    """A requested poster.

    Attributes:
        id: Its id, as in the catalogue.
        image: Its file within the folder, as the table names it; often without a suffix.
        url: Its URL in the table, or None.
        imdb_id: Its IMDb id, or None.
    """

    id: str
    image: str
    url: str | None
    imdb_id: str | None


@dataclass(frozen=True)
class PosterRequests:
    """The posters that a table requests.

    Attributes:
        posters: The posters in the table's order, each image once.
        url_column: The column of their URLs, or None.
        unreadable: Number of rows that could not be split into cells; `read_table` reports them too.
    """

    posters: list[PosterRequest]
    url_column: str | None
    unreadable: int


def read_requests(path: Path, url_column: str | None = None) -> PosterRequests:
    """Read the list of requested posters from a table; the images do not need to exist yet.

    Args:
        path: A table that `read_catalogue` accepts.
        url_column: The column of URLs; by default the first of `URL_COLUMNS` that contains URLs.

    Raises:
        InputError: The table as a whole has faults, or ``url_column`` does not exist or contains no URLs.
    """
    faults = table_faults(path)
    if faults:
        raise InputError("; ".join(faults))
    table = read_table(path)
    columns, faults = detect_columns(table)
    faults += missing_columns(table, columns, ImageFolder(path.parent), require_genres=False)
    if faults:
        raise InputError("; ".join(f"{path}: {fault}" for fault in faults))
    at = _url_column(path, table, url_column)
    urls = list(table.columns[at]) if at is not None else []
    posters: dict[str, PosterRequest] = {}
    for i, named in enumerate(read_row_ids(table, columns)):
        image = strip_leading_slash(named.image)
        url = _url(urls[i]) if at is not None else None
        requested = PosterRequest(named.id or stem(image), image, url, named.imdb_id)
        # If several rows name one image, use a row that has a URL. `read_catalogue` reports such rows.
        known = posters.get(image or f"\0{i}")
        if known is None or (known.url is None and url):
            posters[image or f"\0{i}"] = requested
    return PosterRequests(list(posters.values()), table.names[at] if at is not None else None, len(table.problems))


def _url(cell: object) -> str | None:
    text = as_text(cell)
    if not text:
        return None
    return f"https:{text}" if text.startswith("//") else text


def _url_column(path: Path, table: RawTable, asked: str | None) -> int | None:
    names = [normalise_name(name) for name in table.names]
    if asked is not None:
        found = [i for i, name in enumerate(table.names) if name == asked] or _at(names, normalise_name(asked))
        if not found:
            raise InputError(
                f"{path}: no column `{asked}`; found {', '.join(f'`{name}`' for name in table.names[:40])}"
            )
        if not holds_urls(table.columns[found[0]]):
            raise InputError(
                f"{path}: column `{table.names[found[0]]}` holds no http(s) URLs; name another ``url_column``"
            )
        return found[0]
    for name in URL_COLUMNS:
        for i in _at(names, name):
            if any(map(as_text, table.columns[i])) and holds_urls(table.columns[i]):
                return i
    return None


def _at(names: Sequence[str], name: str) -> list[int]:
    return [i for i, other in enumerate(names) if other == name]
