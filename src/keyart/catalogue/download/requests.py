"""Which posters a table asks for: their ids, the names of their files, and where they might be had."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keyart.catalogue.aliases import plain
from keyart.catalogue.columns import holds_urls, recognise
from keyart.catalogue.image_folder import stem, unrooted
from keyart.catalogue.rows import identities
from keyart.catalogue.table import RawTable, read_table, table_faults
from keyart.catalogue.values import as_text
from keyart.errors import InputError

#: Names of columns that may hold posters' URLs, best first, as `plain` writes them.
URL_COLUMNS = (
    *("posterurl", "posterlink", "poster", "imageurl", "imgurl", "imagelink", "coverurl", "posterpath"),
    *("image", "img", "cover", "url", "link"),
)


@dataclass(frozen=True)
class Wanted:
    """One poster to be had.

    Attributes:
        id: Its id, as in the catalogue.
        image: Its file within the folder, as the table names it; often without a suffix.
        url: Where the table says it is, or None.
        imdb_id: Its IMDb id, or None.
    """

    id: str
    image: str
    url: str | None
    imdb_id: str | None


@dataclass(frozen=True)
class WantedPosters:
    """What a table asks for.

    Attributes:
        posters: In the table's order, each image once.
        url_column: The column that their URLs are from, or None.
        unreadable: Rows that could not be parted into cells; the reader tells them too.
    """

    posters: list[Wanted]
    url_column: str | None
    unreadable: int


def wanted_posters(path: Path, url_column: str | None = None) -> WantedPosters:
    """Read from a table which posters it asks for; its images need not be there.

    Args:
        path: A table that `read_catalogue` understands.
        url_column: The column of URLs; by default the first of `URL_COLUMNS` that holds some.

    Raises:
        InputError: For faults of the table as a whole.
    """
    faults = table_faults(path)
    if faults:
        raise InputError("; ".join(faults))
    table = read_table(path)
    columns, faults = recognise(table)
    if faults:
        raise InputError("; ".join(f"{path}: {fault}" for fault in faults))
    at = _url_column(path, table, url_column)
    urls = list(table.columns[at]) if at is not None else []
    posters: dict[str, Wanted] = {}
    for i, named in enumerate(identities(table, columns)):
        image = unrooted(named.image)
        url = _url(urls[i]) if at is not None else None
        wanted = Wanted(named.id or stem(image), image, url, named.imdb_id)
        # Several rows of one image are the reader's to judge: whichever of them knows a URL serves.
        known = posters.get(image or f"\0{i}")
        if known is None or (known.url is None and url):
            posters[image or f"\0{i}"] = wanted
    return WantedPosters(list(posters.values()), table.names[at] if at is not None else None, len(table.problems))


def _url(cell: object) -> str | None:
    text = as_text(cell)
    if not text:
        return None
    return f"https:{text}" if text.startswith("//") else text


def _url_column(path: Path, table: RawTable, asked: str | None) -> int | None:
    names = [plain(name) for name in table.names]
    if asked is not None:
        found = [i for i, name in enumerate(table.names) if name == asked] or _at(names, plain(asked))
        if not found:
            raise InputError(
                f"{path}: no column `{asked}`; found {', '.join(f'`{name}`' for name in table.names[:40])}"
            )
        if not holds_urls(table.columns[found[0]]):
            raise InputError(
                f"{path}: column `{table.names[found[0]]}` holds no http(s) URLs; name another --url-column"
            )
        return found[0]
    for wanted in URL_COLUMNS:
        for i in _at(names, wanted):
            if any(map(as_text, table.columns[i])) and holds_urls(table.columns[i]):
                return i
    return None


def _at(names: Sequence[str], wanted: str) -> list[int]:
    return [i for i, name in enumerate(names) if name == wanted]
