"""Reading single rows of a table of posters, and noting what is wrong with them."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from keyart.catalogue.columns import Columns, flag_value
from keyart.catalogue.files import ImageFolder, escapes, stem
from keyart.catalogue.formats import as_text, parse_genres, parse_imdb_id, parse_year, split_title
from keyart.catalogue.problems import Problem
from keyart.catalogue.table import RawTable


@dataclass
class Row:
    """One poster's row as far as it could be read; ``problems`` says how far that was."""

    line: int
    id: str = ""
    file: str = ""
    film: str = ""
    title: str = ""
    year: float = math.nan
    genres: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, kind: str, detail: str, mend: str) -> None:
        """Add a problem of this row."""
        self.problems.append(Problem(self.line, self.id, self.file, kind, detail, mend))

    @property
    def usable(self) -> bool:
        """Whether the row may become a poster of the catalogue."""
        return all(problem.keeps_row for problem in self.problems)


@dataclass(frozen=True)
class Identity:
    """What one row says about which poster it is, before any image is sought.

    Attributes:
        own_id: The cell of column ``id``.
        imdb_text: The cell of column ``imdb_id``.
        imdb_id: The same as an IMDb id, or None.
        image: The image as the row names it; without a column of images, by its id.
    """

    own_id: str
    imdb_text: str
    imdb_id: str | None
    image: str

    @property
    def id(self) -> str:
        """The poster's id; ``""`` where only its file gives one."""
        return self.own_id or self.imdb_id or ""


def identities(table: RawTable, columns: Columns) -> list[Identity]:
    """The identity of each row."""
    absent = ("",) * len(table)
    cells = {role: table.columns[at] for role, at in columns.roles.items()}
    found = []
    for i in range(len(table)):
        imdb_text = as_text(cells.get("imdb_id", absent)[i])
        imdb_id = parse_imdb_id(imdb_text)
        own_id = as_text(cells.get("id", absent)[i])
        image = as_text(cells["img"][i]) if "img" in cells else (imdb_id or imdb_text or own_id)
        found.append(Identity(own_id, imdb_text, imdb_id, image))
    return found


def read_rows(table: RawTable, columns: Columns, folder: ImageFolder) -> list[Row]:
    """Read every row as far as it goes; a row may have several problems."""
    absent = ("",) * len(table)
    cells = {role: table.columns[at] for role, at in columns.roles.items()}
    by_text: dict[str, list[str] | ValueError] = {}
    rows = []
    for i, (line, named) in enumerate(zip(table.lines, identities(table, columns), strict=True)):
        row = Row(line, named.id)
        if named.imdb_text and not named.id:
            row.note("bad id", f"{named.imdb_text!r} is no IMDb id", "write it as tt and digits, or add a column `id`")
        _find_image(row, named.image, named.imdb_id, folder)
        row.film = as_text(cells.get("film", absent)[i]) or row.id
        _read_title(row, as_text(cells.get("title", absent)[i]), cells.get("year", absent)[i])
        if "genres" in cells:
            _read_genres(row, cells["genres"][i], by_text)
        else:
            _read_flags(row, table, columns, i)
        rows.append(row)
    return rows


def _find_image(row: Row, written: str, imdb_id: str | None, folder: ImageFolder) -> None:
    row.file = written
    named_by_file = not row.id
    row.id = row.id or stem(written)
    if not written:
        row.note("no image name", "the row names no image", "name the image's file")
    elif escapes(written):
        row.note("path outside the folder", f"{written!r} leads out of {folder.root}", "name a file under data.images")
    else:
        found = folder.find(written, imdb_id)
        if found:
            row.file = found
            row.id = stem(found) if named_by_file else row.id
        else:
            near = folder.near(written)
            hint = f", but {' and '.join(near)}" if near else ""
            row.note(
                "missing image", f"{folder.root} holds no {written!r}{hint}", "put the file there or mend its name"
            )


def _read_title(row: Row, title: str, year_cell: Any) -> None:
    row.title = title
    bare, title_year = split_title(title)
    try:
        row.year = parse_year(year_cell)
    except ValueError as error:
        row.note("bad year", str(error), "write the year as four digits, or leave it empty")
        return
    if math.isnan(row.year):
        row.year = title_year
    if row.year == title_year:
        row.title = bare


def _read_genres(row: Row, cell: Any, by_text: dict[str, list[str] | ValueError]) -> None:
    found = by_text.get(cell) if isinstance(cell, str) else None
    if found is None:
        try:
            found = parse_genres(cell)
        except ValueError as error:
            found = error
        if isinstance(cell, str):
            by_text[cell] = found
    if isinstance(found, ValueError):
        row.note("unreadable genres", f"{as_text(cell)[:60]!r}: {found}", "write the genres as Drama|Comedy")
    elif not found:
        row.note("no genres", f"the genres are {as_text(cell)!r}", "give the poster at least one genre")
    else:
        row.genres = found


def _read_flags(row: Row, table: RawTable, columns: Columns, i: int) -> None:
    for at, genre in columns.genre_flags:
        text = as_text(table.columns[at][i])
        value = flag_value(text)
        if value is None:
            mend = "write 0 or 1 (a column that is no genre: rename it is_<name>)"
            row.note("bad genre value", f"column `{table.names[at]}` holds {text!r}", mend)
        elif value:
            row.genres.append(genre)
    if not row.genres and row.usable:
        row.note("no genres", "every genre's column is 0", "give the poster at least one genre")


def mark_duplicates(rows: Sequence[Row]) -> None:
    """Note a problem of every row whose id another one has, but for the first usable of them, which stays."""
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.id:
            by_id[row.id].append(row)
    for shared in by_id.values():
        if len(shared) > 1:
            stays = next((row for row in shared if row.usable), shared[0])
            mend = "remove the row, or give every poster its own id in a column `id`"
            for row in shared:
                if row is not stays:
                    row.note("duplicate id", f"{row.id!r} is also the id of row {stays.line}", mend)
