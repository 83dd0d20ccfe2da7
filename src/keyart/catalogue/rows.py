"""Reading the rows of a table of posters and recording the problems of each row."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from keyart.catalogue.aliases import OTHER_IDS, normalise_name
from keyart.catalogue.columns import Columns, flag_value
from keyart.catalogue.image_folder import ImageFolder, stem
from keyart.catalogue.problems import Problem
from keyart.catalogue.table import RawTable
from keyart.catalogue.values import as_key, as_text, parse_genres, parse_imdb_id, parse_year, split_title


@dataclass
class Row:
    """One poster's row, as far as it is readable; ``problems`` lists its faults."""

    line: int
    id: str = ""
    file: str = ""
    film: str = ""
    title: str = ""
    year: float = math.nan
    genres: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def note(self, kind: str, detail: str, fix: str) -> None:
        """Add a problem to this row."""
        self.problems.append(Problem(self.line, self.id, self.file, kind, detail, fix))

    @property
    def usable(self) -> bool:
        """Whether the row can become a poster of the catalogue."""
        return all(problem.row_is_usable for problem in self.problems)


@dataclass(frozen=True)
class RowIds:
    """The identifiers in one row, read before its image is searched for.

    Attributes:
        own_id: The cell of the column ``id``.
        imdb_text: The cell of the column ``imdb_id``.
        imdb_id: The same cell as a normalised IMDb id, or None.
        img: The image as the row names it; None if the table has no column of images.
        others: Ids of other catalogues, by column name (see :data:`OTHER_IDS`).
    """

    own_id: str
    imdb_text: str
    imdb_id: str | None
    img: str | None
    others: dict[str, str]

    @property
    def id(self) -> str:
        """The poster's id; ``""`` if only its file name can provide one."""
        return self.own_id or self.imdb_id or ""

    @property
    def image(self) -> str:
        """The name of the image: the one in the row, else the id."""
        return self.img if self.img is not None else (self.own_id or self.imdb_id or self.imdb_text)

    def numbers(self) -> dict[str, int]:
        """Return the ids that are bare numbers, by column; an IMDb id is used without its ``tt``."""
        bare = {"id": self.own_id, "imdb_id": (self.imdb_id or "")[2:], **self.others}
        return {column: int(text) for column, text in bare.items() if text.isdecimal()}


def read_row_ids(table: RawTable, columns: Columns) -> list[RowIds]:
    """Read the identifiers of each row."""
    absent = ("",) * len(table)
    cells = {role: list(table.columns[at]) for role, at in columns.roles.items() if role in ("img", "id", "imdb_id")}
    others = {
        name: list(table.columns[at]) for at in columns.rest if (name := normalise_name(table.names[at])) in OTHER_IDS
    }
    found = []
    for i in range(len(table)):
        imdb_text = as_text(cells.get("imdb_id", absent)[i])
        own_id = as_key(cells.get("id", absent)[i])
        img = as_text(cells["img"][i]) if "img" in cells else None
        elsewhere = {name: as_key(column[i]) for name, column in others.items()}
        found.append(RowIds(own_id, imdb_text, parse_imdb_id(imdb_text), img, elsewhere))
    return found


def naming_column(rows: Sequence[RowIds], files: Collection[int]) -> str | None:
    """Return the column whose numbers name the image files that have a bare number as their name.

    It is the column that matches most of these files. The same number may be one film's id at TMDB and another film's
    at IMDb, so only one column can name the files.

    Returns:
        ``id``, ``imdb_id`` or one of :data:`OTHER_IDS`; None if no number matches a file.
    """
    known: dict[str, set[int]] = {"id": set(), "imdb_id": set()}
    for row in rows if files else ():
        for column, number in row.numbers().items():
            if number in files:
                known.setdefault(column, set()).add(number)
    best = max(known, key=lambda column: len(known[column]))
    return best if known[best] else None


def read_rows(table: RawTable, columns: Columns, folder: ImageFolder, *, require_genres: bool = True) -> list[Row]:
    """Read every row as far as possible; a row may have several problems."""
    absent = ("",) * len(table)
    cells = {role: list(table.columns[at]) for role, at in columns.roles.items()}
    flags = [(table.names[at], genre, list(table.columns[at])) for at, genre in columns.genre_flags]
    by_text: dict[str, list[str] | ValueError] = {}
    named = read_row_ids(table, columns)
    numbered_by = naming_column(named, folder.bare_numbers)
    film_of: dict[str | None, str] = {}
    rows = []
    for i, (line, one) in enumerate(zip(table.lines, named, strict=True)):
        row = Row(int(line), one.id)
        if one.imdb_text and not one.id:
            row.note(
                "bad id", f"{one.imdb_text!r} is not an IMDb id", "write it as tt and digits, or add a column `id`"
            )
        _find_image(row, one, folder, numbered_by)
        row.film = as_key(cells.get("film", absent)[i])
        if row.film:
            film_of.setdefault(one.imdb_id, row.film)
        _read_title(row, as_text(cells.get("title", absent)[i]), cells.get("year", absent)[i])
        if "genres" in cells:
            _read_genres(row, cells["genres"][i], by_text)
        else:
            _read_flags(row, [(name, genre, column[i]) for name, genre, column in flags])
        if not require_genres:
            row.problems = [problem for problem in row.problems if problem.kind != "no genres"]
        rows.append(row)
    for row, one in zip(rows, named, strict=True):
        # Artworks of one film share it, even if only some of their rows name the film.
        row.film = row.film or (one.imdb_id and film_of.get(one.imdb_id, one.imdb_id)) or row.id
    return rows


def _find_image(row: Row, named: RowIds, folder: ImageFolder, numbered_by: str | None) -> None:
    row.file = named.image
    named_by_file = not row.id
    row.id = row.id or stem(named.image)
    if not named.image:
        row.note("no image name", "the row names no image", "name the image's file")
        return
    requested = [folder.relative_path(name) for name in _image_names(named, numbered_by)]
    if None in requested:
        detail = f"{named.image!r} leads out of {folder.root}"
        row.note("path outside the folder", detail, "name a file under data.images")
        return
    bare = numbered_by in (None, "imdb_id")
    found = next(filter(None, (folder.find(str(name), named.imdb_id, bare=bare) for name in requested)), None)
    if found:
        row.file = found
        row.id = stem(found) if named_by_file else row.id
    else:
        near = folder.similar(named.image)
        hint = f", but {' and '.join(near)}" if near else ""
        detail = f"{folder.root} holds no {named.image!r}{hint}"
        row.note("missing image", detail, "put the file there or correct its name")


def _image_names(named: RowIds, numbered_by: str | None) -> list[str]:
    """Return possible names of a row's image, best first; bare numbers only from the column that names the files."""
    if named.img is not None:
        return [named.img]
    names = [named.own_id] if not named.own_id.isdecimal() or numbered_by in (None, "id") else []
    names += [named.imdb_id or named.imdb_text, named.others.get(numbered_by or "", "")]
    return [name for name in names if name] or [named.image]


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
        row.note("unreadable genres", f"{_shown(cell)}: {found}", "write the genres as Drama|Comedy")
    elif not found:
        row.note("no genres", f"the genres are {_shown(cell)}", "give the poster at least one genre")
    else:
        row.genres = found


def _shown(cell: Any) -> str:
    return repr((cell.strip() if isinstance(cell, str) else as_text(cell))[:60])


def _read_flags(row: Row, flags: Sequence[tuple[str, str, Any]]) -> None:
    """Add the genres of a row from its 0/1 columns, given as (column name, genre, cell)."""
    for name, genre, cell in flags:
        text = as_text(cell)
        value = flag_value(text)
        if value is None:
            fix = "write 0 or 1 (if the column is not a genre, rename it is_<name>)"
            row.note("bad genre value", f"column `{name}` holds {text!r}", fix)
        elif value:
            row.genres.append(genre)
    if not row.genres and row.usable:
        row.note("no genres", "every genre's column is 0", "give the poster at least one genre")


def mark_duplicates(rows: Sequence[Row]) -> None:
    """Add a problem to every row with a repeated id, except the first usable row of each id."""
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.id:
            by_id[row.id].append(row)
    for shared in by_id.values():
        if len(shared) > 1:
            stays = next((row for row in shared if row.usable), shared[0])
            fix = "remove the row, or give every poster its own id in a column `id`"
            for row in shared:
                if row is not stays:
                    row.note("duplicate id", f"{row.id!r} is also the id of row {stays.line}", fix)
