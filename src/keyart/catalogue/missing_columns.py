"""Messages about the columns that a table of posters lacks, with columns of the table that could be used for them."""

import difflib
import json
from collections.abc import Iterable

from keyart.catalogue.aliases import ALIASES, normalise_name
from keyart.catalogue.columns import Columns
from keyart.catalogue.image_folder import ImageFolder
from keyart.catalogue.table import RawTable
from keyart.catalogue.values import as_text, cell_form, parse_imdb_id

SAMPLE = 100
"""Number of cells of a column that are looked up in the folder of images."""
MOST_VALUES = 50
"""Largest number of distinct values of a text column that is proposed as labels."""


def missing_columns(
    table: RawTable, columns: Columns, folder: ImageFolder, *, require_genres: bool = True
) -> list[str]:
    """Return a message for each column that is required and missing, with the fix.

    Args:
        table: The table.
        columns: Its columns.
        folder: The images; a column whose cells name files in it is proposed as ``img``.
        require_genres: Whether genres are required.
    """
    found = ", ".join(f"`{name}`" for name in table.names[:40]) + (", …" if len(table.names) > 40 else "")
    faults = []
    image = None
    if not columns.roles.keys() & {"img", "id", "imdb_id"}:
        image = _image_column(table, columns, folder)
        hint = _near(table, columns, ("img", "imdb_id"))
        if image is not None:
            hint = f" (rename `{table.names[image]}` to `img`: its cells name files in {folder.root})"
        faults.append(f"no column of images (`img`; or `imdb_id`, when files are named by it){hint}; found {found}")
    if require_genres and "genres" not in columns.roles and not columns.genre_flags:
        hint = _near(table, columns, ("genres",)) or _label_hint(table, [i for i in columns.rest if i != image])
        faults.append(f"no genres (a column `genres`, or a 0/1 column for each genre){hint}; found {found}")
    return faults


def _image_column(table: RawTable, columns: Columns, folder: ImageFolder) -> int | None:
    """Return the column of which most cells, and more than of any other column, name images in the folder."""
    shares = {}
    for at in columns.rest:
        texts = [text for text in map(as_text, table.columns[at][:SAMPLE]) if text]
        paths = [path for path in map(folder.relative_path, texts) if path is not None]
        shares[at] = sum(folder.find(path) is not None for path in paths) / max(len(texts), 1)
    best = max(shares, key=lambda at: shares[at], default=None)
    return best if best is not None and shares[best] > 0.5 else None


def _label_hint(table: RawTable, among: Iterable[int]) -> str:
    """Return how to join the text columns with few distinct values into genres; empty if there are none."""
    names = []
    for at in among:
        texts = [text for text in map(as_text, table.columns[at]) if text]
        values = set(texts)
        if 2 <= len(values) <= min(MOST_VALUES, len(texts) // 2) and {cell_form(one) for one in values} <= {
            "word",
            "text",
        }:
            names.append(table.names[at])
    if not names:
        return ""
    line = f'table["genres"] = table[{json.dumps(names, ensure_ascii=False)}].fillna("").agg("|".join, axis=1)'
    return f" (text columns with few values can be the labels; in pandas: {line})"


def _near(table: RawTable, columns: Columns, missing_roles: Iterable[str]) -> str:
    free = {normalise_name(table.names[i]): i for i in range(len(table.names)) if i not in columns.roles.values()}
    hints = []
    for role in missing_roles:
        near = [n for alias in ALIASES[role] for n in difflib.get_close_matches(alias, free, n=2, cutoff=0.7)]
        at = [i for i in map(free.__getitem__, dict.fromkeys(near)) if role != "imdb_id" or _holds_imdb_ids(table, i)]
        hints += [f"rename `{table.names[i]}` to `{role}`" for i in at]
    return f" ({'; '.join(hints)}?)" if hints else ""


def _holds_imdb_ids(table: RawTable, at: int) -> bool:
    texts = [text for text in map(as_text, table.columns[at][:SAMPLE]) if text]
    return any(parse_imdb_id(text) for text in texts)
