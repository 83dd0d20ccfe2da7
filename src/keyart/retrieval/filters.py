"""Search filters by genre and year."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from keyart.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def parse_years(text: str) -> tuple[int, int]:
    """Parse a range of years; both ends are included.

    Args:
        text: ``1994``, ``1990-1999``, ``1990-`` or ``-1999``.

    Raises:
        InputError: The text has none of these forms, or the range ends before it begins.

    Examples:
        >>> parse_years("1990-1999"), parse_years("1994"), parse_years("-1999")
        ((1990, 1999), (1994, 1994), (0, 1999))
    """
    match = re.fullmatch(r"\s*(\d{4})?\s*([-–])?\s*(\d{4})?\s*", text)
    if not match or not (match[1] or match[3]) or (match[1] and match[3] and not match[2]):
        raise InputError("write one year, or a range such as 1990-1999", parameter="years", value=text)
    first = int(match[1] or 0)
    last = int(match[3] or (9999 if match[2] else first))
    if last < first:
        raise InputError(f"it ends before it begins; write {last}-{first}", parameter="years", value=text)
    return first, last


def find_genres(genres: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return genres as an index spells them; case does not matter.

    Raises:
        InputError: The index does not have a genre.
    """
    names = {name.casefold(): name for name in known}
    for genre in genres:
        if genre.strip().casefold() not in names:
            text = f"the index has no such genre; it has {', '.join(sorted(names.values()))}"
            if not names:
                text = "no poster of the index has genres; search without this filter"
            raise InputError(text, parameter="genres", value=genre)
    return [names[genre.strip().casefold()] for genre in genres]


def matching_rows(
    posters: "pd.DataFrame", genres: Sequence[str] = (), years: tuple[int, int] | None = None
) -> np.ndarray:
    """Return the rows that have all required genres and a year within a range.

    Args:
        posters: The index's table of posters.
        genres: Required genres, compared case-insensitively.
        years: First and last year; posters of unknown year do not match.

    Raises:
        InputError: The index does not have a required genre, or no poster matches.
    """
    codes, texts = posters["genres"].factorize(use_na_sentinel=False)
    own = find_genres(genres, (name for text in texts for name in text.split("|") if name))
    asked = {name.casefold() for name in own}
    kept = np.array([asked <= {*text.casefold().split("|")} for text in texts], dtype=bool)[codes]
    parts = [*genres]
    if years is not None:
        year = posters["year"].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        kept &= (year >= years[0]) & (year <= years[1])
        parts.append(f"{years[0]}-{years[1]}")
    if not kept.any():
        raise InputError(f"no poster of the index is {' and '.join(parts)}; ask for less")
    return np.flatnonzero(kept)
