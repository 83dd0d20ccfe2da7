"""The spellings of single values: lists of genres, IMDb ids, years, titles, split names."""

import ast
import json
import math
import re
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

#: What people write where they mean "none" (compared without case). `unknown` is a genre that says nothing:
#: kept, it would make strangers positives of each other.
MISSING = frozenset(
    {"", "-", "--", "?", "n/a", "na", "nan", "none", "null", "nil", "\\n", "<na>", "unknown", "(no genres listed)"}
)
BRACKETS = {"[": "]", "(": ")", "{": "}"}
EARLIEST_YEAR, LATEST_YEAR = 1870, 2100

_SEPARATORS = re.compile(r"[,|;]")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_NUMPY_LIST = re.compile(r"['\"]\s+['\"]")
_IMDB_ID = re.compile(r"(?:.*/title/)?(?:tt)?(\d+)(?:\.0+)?/?(?:\?.*)?", re.IGNORECASE)
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
    """A cell as text, without surrounding space; ``""`` for every kind of missing value.

    Examples:
        >>> as_text(1995.0), as_text(" a b "), as_text(None), as_text(float("nan")), as_text(True)
        ('1995', 'a b', '', '', '1')
    """
    if isinstance(value, str):
        return value.strip()
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return "" if math.isnan(number) else str(int(number)) if number.is_integer() else str(number)
    return str(value).strip()


def parse_genres(value: Any) -> list[str]:
    """The genres that one cell names, in its order, each once (compared without case).

    Understands names separated by ``,``, ``|`` or ``;``, a Python or JSON list, tuple or set in a string (also
    NumPy's spelling without commas, and lists of ``{"name": ...}``), and real lists and arrays.

    Args:
        value: The cell.

    Returns:
        The names; empty where the cell says that there are none (``""``, ``N/A``, ``[]``, ``unknown`` …).

    Raises:
        ValueError: When the cell cannot be read as a set of genres, such as a list that was cut short.

    Examples:
        >>> parse_genres("Drama, Comedy|drama"), parse_genres("['Sci-Fi', 'War']"), parse_genres("N/A")
        (['Drama', 'Comedy'], ['Sci-Fi', 'War'], [])
    """
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        items: Iterable[Any] = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    else:
        text = as_text(value)
        if text.casefold() in MISSING:
            return []
        items = _inside_brackets(text) if text[0] in BRACKETS else _SEPARATORS.split(text)
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, dict):
            if "name" not in item:
                raise ValueError("a mapping without `name` is no genre")
            item = item["name"]
        if isinstance(item, (list, tuple, set, frozenset, np.ndarray)):
            raise ValueError("a list within a list is no genre")
        name = clean_name(item)
        if name:
            names.setdefault(name.casefold(), name)
    return list(names.values())


def clean_name(value: Any) -> str:
    """One genre's name without quotes and needless space; ``""`` where it says that there is none."""
    name = " ".join(as_text(value).strip("'\"` ").split())
    return "" if name.casefold() in MISSING else name


def _inside_brackets(text: str) -> Iterable[Any]:
    if len(text) < 2 or text[-1] != BRACKETS[text[0]]:
        raise ValueError(f"the list is cut short: no closing `{BRACKETS[text[0]]}`")
    inside = text[1:-1]
    if _NUMPY_LIST.search(inside):
        return [single or double for single, double in _QUOTED.findall(inside)]
    found: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
            break
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    if isinstance(found, dict):
        raise ValueError("a mapping is not a list of genres")
    if isinstance(found, (list, tuple, set)):
        return sorted(found, key=str) if isinstance(found, set) else found
    if found is not None:
        return [found]
    return _SEPARATORS.split(inside)


def parse_imdb_id(value: Any) -> str | None:
    """An IMDb title id as ``tt`` and at least seven digits, or ``None`` where the cell holds something else.

    Examples:
        >>> parse_imdb_id("114709"), parse_imdb_id("tt0114709"), parse_imdb_id("tt10872600"), parse_imdb_id("nm0000158")
        ('tt0114709', 'tt0114709', 'tt10872600', None)
    """
    match = _IMDB_ID.fullmatch(as_text(value))
    return f"tt{int(match[1]):07d}" if match else None


def parse_year(value: Any) -> float:
    """A year as a float, NaN where the cell is empty; of a date or a range, the (first) year.

    Raises:
        ValueError: When the cell holds something that is no year between 1870 and 2100.

    Examples:
        >>> parse_year("1995"), parse_year("(1995)"), parse_year("1995–1998"), parse_year("1995-10-30"), parse_year("")
        (1995.0, 1995.0, 1995.0, 1995.0, nan)
    """
    text = as_text(value)
    if text.casefold() in MISSING:
        return math.nan
    match = next(filter(None, (form.fullmatch(text) for form in _YEARS)), None)
    year = int(match[1]) if match else 0
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise ValueError(f"{text!r} is no year")
    return float(year)


def split_title(title: str) -> tuple[str, float]:
    """Part ``Toy Story (1995)`` into title and year; the year is NaN where the title does not end with one.

    Examples:
        >>> split_title("Toy Story (1995)"), split_title("2001: A Space Odyssey")
        (('Toy Story', 1995.0), ('2001: A Space Odyssey', nan))
    """
    match = _TITLE_YEAR.fullmatch(title)
    if match and EARLIEST_YEAR <= int(match[2]) <= LATEST_YEAR:
        return match[1], float(match[2])
    return title, math.nan


def parse_split(value: Any) -> str | None:
    """``train``, ``val`` or ``test``, or ``None`` where the cell names no split.

    Examples:
        >>> parse_split("Training"), parse_split("valid"), parse_split("holdout")
        ('train', 'val', None)
    """
    return _SPLITS.get(as_text(value).casefold())
