"""Parsers for single cells: lists of genres, IMDb ids, years, titles and split names."""

import math
import re
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from keyart.catalogue.literals import parse_literal

#: Spellings of a missing value in any column; compared without case.
MISSING = frozenset(
    (
        *("", "-", "--", "?", "n/a", "na", "n.a.", "#n/a", "#na", "nan", "-nan", "nat", "none", "null", "nil"),
        *("\\n", "<na>", "<null>", "(null)"),
    )
)
#: Placeholder names of genres, films and users. Kept, they would link unrelated rows. A title may have such a name.
NO_NAME = frozenset({"unknown", "(no genres listed)"})
EARLIEST_YEAR, LATEST_YEAR = 1870, 2100

_SEPARATORS = re.compile(r"[,|;\r\n]|\s[/•·]\s")
_NO_GENRE = re.compile(r"[\[\]{}]|['\"]\s*:|\(\s*['\"]|['\"]\s*\)")
_STRUCTURED = re.compile(r"[\[({]|[A-Za-z_][\w.]*\(\s*['\"\[({)]")
_IMDB_ID = re.compile(r"(?:.*/title/)?(?:tt)?(\d+)(?:\.0+)?/?(?:\?.*)?", re.IGNORECASE)
_FORMS = {
    "file": re.compile(r".*\S\.(?:jpe?g|png|webp|gif|bmp|avif)", re.IGNORECASE | re.DOTALL),
    "imdb": re.compile(r"tt\d{5,}", re.IGNORECASE),
    "number": re.compile(r"\d+"),
    "code": re.compile(r"(?=.*\d)[\w.-]+"),
    "word": re.compile(r"\S+"),
}
_WHOLE = re.compile(r"(\d+)\.0+")
_YEARS = (
    re.compile(r"\(?(\d{4})(?:\.0+)?\)?"),
    re.compile(r"(\d{4})\s*[-–]\s*(?:\d{4})?"),
    re.compile(r"(\d{4})[-/.]\d{1,2}(?:[-/.]\d{1,2}(?:[ T][\d:.]+)?)?"),
    re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.](\d{4})"),
)
_TITLE_YEAR = re.compile(r"(.*\S)\s*\((\d{4})(?:[-–]\s*\d{0,4}\s*)?\)\s*", re.DOTALL)
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def as_text(value: Any) -> str:
    """Convert a cell to text without surrounding space; return ``""`` for every kind and spelling of a missing value.

    Examples:
        >>> as_text(1995.0), as_text(" a b "), as_text("N/A"), as_text(float("nan")), as_text(True)
        ('1995', 'a b', '', '', '1')
    """
    if isinstance(value, str):
        text = value.strip()
        return "" if text.casefold() in MISSING else text
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return "" if math.isnan(number) else str(int(number)) if number.is_integer() else str(number)
    return as_text(str(value))


def as_key(value: Any) -> str:
    """Read a cell that names a poster, a film or a user; return ``""`` if it names none.

    IMDb ids get their standard spelling. ``862.0`` becomes 862, because a column of integers with missing values is
    stored as floats.

    Examples:
        >>> as_key("tt84058"), as_key("862.0"), as_key("unknown"), as_key("a/b.jpg")
        ('tt0084058', '862', '', 'a/b.jpg')
    """
    text = as_text(value)
    if text.casefold() in NO_NAME:
        return ""
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    return (parse_imdb_id(text) if text[:2].casefold() == "tt" else None) or text


def cell_form(text: str) -> str:
    """Classify a cell as ``file``, ``imdb`` id, ``number``, ``code``, ``word`` or ``text``; ``""`` if it is empty.

    Examples:
        >>> [cell_form(text) for text in ("a b.jpg", "tt0084058", "862", "p-01", "Drama", "he came", "N/A")]
        ['file', 'imdb', 'number', 'code', 'word', 'text', '']
    """
    text = as_text(text)
    for form, pattern in _FORMS.items():
        if pattern.fullmatch(text):
            return form
    return "text" if text else ""


def parse_genres(value: Any) -> list[str]:
    """Parse the genres of a cell, in their order and without repeats (compared without case).

    The cell may be text with names separated by ``,``, ``|``, ``;`` or `` / ``, a real list or array, or a list as
    Python, JSON, NumPy or pandas print it, of names or of ``{"name": ...}``.

    Returns:
        The names; an empty list if the cell contains none (``""``, ``N/A``, ``[]``, ``unknown`` …).

    Raises:
        ValueError: The cell is not a readable set of genres, for example a truncated list.

    Examples:
        >>> parse_genres("Drama, Comedy|drama"), parse_genres("['Sci-Fi' 'War']"), parse_genres("N/A")
        (['Drama', 'Comedy'], ['Sci-Fi', 'War'], [])
    """
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        items: Iterable[Any] = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    else:
        text = as_text(value)
        if text.casefold() in NO_NAME:
            return []
        items = parse_literal(text) if _STRUCTURED.match(text) else _SEPARATORS.split(text)
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, dict):
            named = [one for key, one in item.items() if str(key).casefold() == "name"]
            if not named:
                raise ValueError("a mapping without `name` is not a genre")
            item = named[0]
        if isinstance(item, (list, tuple, set, frozenset, np.ndarray)):
            raise ValueError("a list within a list is not a genre")
        name = clean_name(item)
        check_genre(name)
        if name:
            names.setdefault(name.casefold(), name)
    return list(names.values())


def check_genre(name: str) -> None:
    """Check that a text is the name of a genre and not a fragment of a list.

    Raises:
        ValueError: The name contains brackets, braces, ``':`` or unbalanced parentheses, or no letter or digit at all.
    """
    if _NO_GENRE.search(name) or name.count("(") != name.count(")") or (name and not re.search(r"\w", name)):
        raise ValueError(f"{name[:40]!r} is not a genre but a fragment of a list")


def clean_name(value: Any) -> str:
    """Return a genre's name without quotes and extra spaces; ``""`` if it is a missing value or a placeholder."""
    name = as_text(" ".join(as_text(value).strip("'\"` ").split()))
    return "" if name.casefold() in NO_NAME else name


def parse_imdb_id(value: Any) -> str | None:
    """Normalise an IMDb title id to ``tt`` and at least seven digits; return ``None`` if the cell is not such an id.

    Examples:
        >>> parse_imdb_id("114709"), parse_imdb_id("tt0114709"), parse_imdb_id("tt10872600"), parse_imdb_id("nm0000158")
        ('tt0114709', 'tt0114709', 'tt10872600', None)
    """
    match = _IMDB_ID.fullmatch(as_text(value))
    return f"tt{int(match[1]):07d}" if match else None


def parse_year(value: Any) -> float:
    """Parse a year as a float: NaN for an empty cell, and the first year of a date or range.

    Raises:
        ValueError: The cell contains no year between 1870 and 2100.

    Examples:
        >>> parse_year("1995"), parse_year("(1995)"), parse_year("1995–1998"), parse_year("1995-10-30"), parse_year("")
        (1995.0, 1995.0, 1995.0, 1995.0, nan)
    """
    text = as_text(value)
    if not text:
        return math.nan
    match = next(filter(None, (form.fullmatch(text) for form in _YEARS)), None)
    year = int(match[1]) if match else 0
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ValueError(f"{text!r} is not a year")
    return float(year)


def split_title(title: str) -> tuple[str, float]:
    """Split ``Toy Story (1995)`` into title and year; the year is NaN if the title does not end with one.

    Examples:
        >>> split_title("Toy Story (1995)"), split_title("2001: A Space Odyssey")
        (('Toy Story', 1995.0), ('2001: A Space Odyssey', nan))
    """
    match = _TITLE_YEAR.fullmatch(title)
    if match and EARLIEST_YEAR <= int(match[2]) <= LATEST_YEAR:
        return match[1], float(match[2])
    return title, math.nan


def parse_split(value: Any) -> str | None:
    """Normalise the name of a split to ``train``, ``val`` or ``test``; return ``None`` for any other text.

    Examples:
        >>> parse_split("Training"), parse_split("valid"), parse_split("holdout")
        ('train', 'val', None)
    """
    return _SPLITS.get(as_text(value).casefold())
