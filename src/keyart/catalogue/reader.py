"""Reading a table of posters into a :class:`Catalogue`, with one report of all its faults."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.columns import Columns, detect_columns
from keyart.catalogue.image_folder import ImageFolder
from keyart.catalogue.missing_columns import missing_columns
from keyart.catalogue.problems import Problem, RowCounts, describe_problems
from keyart.catalogue.rows import Row, mark_duplicates, read_rows
from keyart.catalogue.table import RawTable, read_table, similar_files, table_faults
from keyart.catalogue.values import as_text, parse_split
from keyart.errors import InputError
from keyart.utils.paths import user_path

RARE, MANY_RARE = 20, 100
"""Thresholds for the remark on genres that occur once: `RARE` if most genres do so, `MANY_RARE` in any case."""

# Text with leading zeros is a code, not a number.
_NUMBER = re.compile(r"(?:[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)?")


def read_catalogue(
    path: str | Path, images: str | Path | None = None, *, require_genres: bool = True
) -> tuple[Catalogue, list[Problem]]:
    """Read a CSV or Parquet table of posters and check it against the folder of images.

    The genres are in one column (separated by ``,``, ``|`` or ``;``, or a Python list in a string) or in a 0/1 column
    for each genre. The column ``img`` (or ``image``, ``file``, ``poster_path`` …) names the image; without one, the
    image is ``<id>.jpg`` or ``<imdb_id>.jpg``, as in the Kaggle table "Movie Genre from its Poster". If file names are
    bare numbers, one column names them, see :func:`naming_column`. The id is the column ``id``, else
    ``imdb_id``/``imdbId`` as ``tt`` and seven or more digits, else the file's stem. The film is the column ``film``,
    else the IMDb id, else the id. Genre names that differ only in case are one genre, with the most frequent spelling.
    Genres without a poster are dropped.

    Args:
        path: The table.
        images: The folder of images; by default the table's own folder.
        require_genres: Whether a table or a row without genres is a fault. False: such posters have none.

    Returns:
        The catalogue of all usable rows in the table's order, and the problems in row order. A problem is the reason
        why a row was left out, or an unreadable year (that row is kept without its year). This function does not open
        images. The catalogue's ``account`` counts the rows that became posters and the faulty rows; its ``remarks``
        list the assumptions of the reader.

    Raises:
        InputError: The table as a whole has faults; one message names all of them: no such table or folder, an
            unreadable table, missing columns, unknown values of ``split``, no image found at all, no usable row.
    """
    source = user_path(path).absolute()
    root = user_path(images).absolute() if images is not None else source.parent
    faults = table_faults(source)
    readable = not faults
    if not root.is_dir() and (images is not None or readable):
        near = f"; near it: {', '.join(similar_files(root))}" if similar_files(root) else ""
        faults.append(f"{root}: no such folder of images{near}; name it with ``images``")
    table = None
    folder = ImageFolder(root)
    if readable:
        try:
            table = read_table(source)
        except InputError as error:
            faults.append(error.text)
    if table is not None:
        columns, more = detect_columns(table)
        more += missing_columns(table, columns, folder, require_genres=require_genres)
        faults += [f"{source}: {fault}" for fault in [*more, *_split_faults(table, columns)]]
    if faults or table is None:
        raise InputError("; ".join(faults))

    rows = read_rows(table, columns, folder, require_genres=require_genres)
    mark_duplicates(rows)
    problems = sorted([*table.problems, *(p for row in rows for p in row.problems)], key=lambda p: p.row)
    kept = [i for i, row in enumerate(rows) if row.usable]
    if not kept:
        _raise_unusable(source, folder, rows, problems)
    names, genres = _multi_hot([rows[i].genres for i in kept])
    catalogue = Catalogue(
        source=source,
        root=root,
        ids=_texts(rows[i].id for i in kept),
        files=_texts(rows[i].file for i in kept),
        films=_texts(rows[i].film for i in kept),
        genres=genres,
        genre_names=names,
        titles=_texts(rows[i].title for i in kept),
        years=np.array([rows[i].year for i in kept], dtype=np.float64),
        split=_split(table, columns, kept),
        extra=_extra(table, columns, kept),
        rows=np.array([rows[i].line for i in kept], dtype=np.int64),
        account=RowCounts.of(table.rows, len(kept), problems),
        remarks=(*table.remarks, *columns.remarks, *_rare_genres(names, genres)),
    )
    return catalogue, problems


def _rare_genres(names: Sequence[str], genres: npt.NDArray[np.bool_]) -> list[Problem]:
    """Return a remark if most genres, or very many, occur only once: they may be keywords or parts of a text."""
    once = [name for name, count in zip(names, genres.sum(0), strict=True) if count == 1]
    if len(once) < RARE or (len(once) < MANY_RARE and 2 * len(once) < len(names)):
        return []
    detail = f"{len(once)} of {len(names)} genres occur once ({', '.join(once[:5])}, …): nothing is learned from them"
    return [Problem(1, "", "", "rare genres", detail, "check that these are genres; merge or drop the rare ones")]


def _raise_unusable(source: Path, folder: ImageFolder, rows: Sequence[Row], problems: Sequence[Problem]) -> None:
    missing = [p for p in problems if p.kind == "missing image"]
    if missing and len(missing) == len(rows):
        below = folder.somewhere_below(missing[0].file)
        hint = f"{folder.root / below} holds it: " if below else ""
        raise InputError(
            f"{folder.root}: holds none of the {len(rows)} images that {source.name} names, such as "
            f"{missing[0].file!r}; {hint}name their folder with ``images``"
        )
    raise InputError(f"{source}: no usable row: {describe_problems(problems)}")


def _multi_hot(genres: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], npt.NDArray[np.bool_]]:
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for names in genres:
        for name in names:
            spellings[name.casefold()][name] += 1
    chosen = {key: min(counts, key=lambda name: (-counts[name], name)) for key, counts in spellings.items()}
    ordered = sorted(chosen.values())
    column = {key: ordered.index(name) for key, name in chosen.items()}
    result = np.zeros((len(genres), len(ordered)), dtype=np.bool_)
    for i, names in enumerate(genres):
        for name in names:
            result[i, column[name.casefold()]] = True
    return tuple(ordered), result


def _split_faults(table: RawTable, columns: Columns) -> list[str]:
    if "split" not in columns.roles:
        return []
    counts = Counter(as_text(cell) for cell in table.columns[columns.roles["split"]])
    unknown = [f"{value!r} ({count} rows)" for value, count in counts.most_common() if parse_split(value) is None]
    if not unknown:
        return []
    found = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
    name = table.names[columns.roles["split"]]
    return [f"column `{name}` has the unknown values {found}; use train, val and test, or rename the column"]


def _split(table: RawTable, columns: Columns, kept: Sequence[int]) -> npt.NDArray[np.object_] | None:
    if "split" not in columns.roles:
        return None
    cells = list(table.columns[columns.roles["split"]])
    return np.array([parse_split(cells[i]) for i in kept], dtype=object)


def _extra(table: RawTable, columns: Columns, kept: Sequence[int]) -> pd.DataFrame:
    series = {}
    for at in columns.rest:
        name, again = table.names[at], 0
        while name in series:
            again += 1
            name = f"{table.names[at]}.{again}"
        column = list(table.columns[at])
        cells = [column[i] for i in kept]
        if all(isinstance(cell, str) for cell in cells):
            cells = [as_text(cell) for cell in cells]
            numeric = any(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)
            series[name] = pd.to_numeric(pd.Series(cells)) if numeric else pd.Series(cells, dtype=object)
        else:
            series[name] = pd.Series(cells, dtype=object).infer_objects()
    return pd.DataFrame(series, index=pd.RangeIndex(len(kept)))


def _texts(values: Iterable[Any]) -> npt.NDArray[np.object_]:
    listed = list(values)
    result = np.empty(len(listed), dtype=object)
    result[:] = listed
    return result
