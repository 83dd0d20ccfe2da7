"""Watch and rating histories: which user watched or rated which film, read from CSV or Parquet."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA

from keyart.catalogue.aliases import HISTORY_ALIASES, IMDB_NAMES, normalise_name
from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.problems import RowCounts, describe_problems
from keyart.catalogue.ratings import RatingScale
from keyart.catalogue.table import read_table, table_faults
from keyart.catalogue.values import as_key, as_text, parse_imdb_id
from keyart.errors import InputError
from keyart.utils.paths import user_path

_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")


@dataclass(frozen=True, eq=False)
class History:
    """Watch or rating events of users, E in total.

    Attributes:
        source: The table's file.
        users: (E,) str, the user of each event.
        ids: (E,) str, the film of each event: an IMDb id as ``tt`` and seven or more digits, else the text of the cell.
        ratings: (E,) float64; None if the table has no ratings.
        timestamps: (E,) float64, seconds since 1970, NaN where unknown; None if the table has none.
        scale: The scale of the ratings, by default inferred from them; None if the table has no ratings.
        column: The normalised name of the ids' column, such as ``imdbid`` or ``movieid``; see `normalise_name`.
    """

    source: Path
    users: npt.NDArray[np.object_]
    ids: npt.NDArray[np.object_]
    ratings: npt.NDArray[np.float64] | None
    timestamps: npt.NDArray[np.float64] | None
    scale: RatingScale | None = None
    column: str = "film"

    def __post_init__(self) -> None:
        if self.ratings is not None and self.scale is None and len(self.ratings):
            object.__setattr__(self, "scale", RatingScale.of(self.ratings, self.source))

    def __len__(self) -> int:
        return len(self.users)

    @property
    def stars(self) -> npt.NDArray[np.float64] | None:
        """Ratings rescaled to at most five stars, (E,) float64; None if the table has no ratings."""
        return None if self.ratings is None or self.scale is None else self.ratings * (5.0 / self.scale.best)

    @property
    def summary(self) -> str:
        """One-line summary: the number of events and the rating scale."""
        rated = f"{self.scale}, liked from {self.scale.liked_from:g} on" if self.scale else "no ratings: each is a like"
        return f"{self.source}: {RowCounts(len(self), len(self), 0, 'event')}; {rated}"

    def liked(self, at_least: float | None = None) -> npt.NDArray[np.bool_]:
        """Return whether the user liked the film, (E,) bool; without ratings, every event counts as a like.

        Args:
            at_least: The lowest rating that counts as a like; None: the scale's ``liked_from``.
        """
        if self.ratings is None or self.scale is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.asarray(self.ratings >= (self.scale.liked_from if at_least is None else at_least))

    def match_films(self, catalogue: Catalogue) -> "MatchedHistory":
        """Match the events to the films of a catalogue by film, else by poster id.

        If the catalogue has a column of the same name as the history's ids, such as ``movieId``, only that column is
        used, because the same number can be another film's id in another column. IMDb ids are unambiguous, so for them
        all columns are used.

        Raises:
            InputError: The catalogue contains none of the films.
        """
        films = np.asarray(pd.unique(pd.Series(catalogue.films, dtype=object)), dtype=object)
        place = {str(film): i for i, film in enumerate(films)}
        codes_of = [place[str(film)] for film in catalogue.films]
        same = IMDB_NAMES if self.column in IMDB_NAMES else (self.column,)
        own = [name for name in catalogue.extra if normalise_name(str(name)) in same]
        known = film_places(catalogue.ids, codes_of, films, self.column) if not own or len(same) > 1 else {}
        for name in own:
            keys = map(_key_reader(self.column), catalogue.extra[name])
            known |= {key: code for key, code in zip(keys, codes_of, strict=True) if key}
        codes, names = pd.factorize(pd.Series(self.ids, dtype=object))
        where = np.array([known.get(name, -1) for name in names], dtype=np.int64)
        if not (where >= 0).any():
            raise InputError(
                f"{self.source}: none of its {len(names)} films ({names[0]}, say) is in {catalogue.source.name}"
                f" ({films[0]}, say); give both the same ids, in a column imdb_id or film"
            )
        return MatchedHistory(films, where[codes], int((where < 0).sum()))


def film_places(
    ids: Sequence[Any] | npt.NDArray[Any], codes: Sequence[int], films: Sequence[Any] | npt.NDArray[Any], column: str
) -> dict[str, int]:
    """Map each film's keys, as a history writes them, to its position in ``films``.

    Args:
        ids: N poster ids.
        codes: The film of each poster, as a position in ``films``.
        films: F film names.
        column: The normalised name of the history's column. If one text is both a film and the id of another film's
            poster, it means the poster in a column of poster ids, and the film in any other column.
    """
    by_id = {as_key(one) or str(one): int(code) for one, code in zip(ids, codes, strict=True)}
    by_film = {as_key(film) or str(film): at for at, film in enumerate(films)}
    return by_film | by_id if column in ("id", "posterid") else by_id | by_film


@dataclass(frozen=True, eq=False)
class MatchedHistory:
    """The events of a history, matched to the films of a catalogue.

    Attributes:
        films: (F,) the catalogue's distinct films, in its order.
        film_index: (E,) int64 position in ``films`` of each event's film; −1 if the catalogue does not contain it.
        unknown_films: Number of films of the history that the catalogue does not contain.
    """

    films: npt.NDArray[np.object_]
    film_index: npt.NDArray[np.int64]
    unknown_films: int


def read_history(path: str | Path, *, scale: float | None = None, liked_from: float | None = None) -> History:
    """Read a history: a table with one event per row, with users, films and optional ratings and timestamps.

    Columns are found by name (``userId``, ``imdb_id``, ``movieId``, ``rating`` …, see `HISTORY_ALIASES`); case, spaces
    and punctuation are ignored. If several columns name films, the order of preference is ``film``, an IMDb id, then
    ``movieId``.

    Args:
        path: CSV in any dialect, or Parquet.
        scale: The best possible rating; None: inferred from the ratings, see :meth:`RatingScale.of`.
        liked_from: The lowest rating that counts as a like; None: 80% of the best rating (1 for 0/1 ratings).

    Raises:
        InputError: The table does not exist, has no users, no films or no rows, or has unreadable rows (the message
            names the first few); or no known scale fits the ratings.
    """
    source = user_path(path).absolute()
    if faults := table_faults(source, "history"):
        raise InputError(faults[0])
    roles: dict[str, int] = {}

    def choose_columns(names: list[str]) -> list[int]:
        found = _roles(source, names)
        roles.update(zip(found, range(len(found)), strict=True))
        return list(found.values())

    table = read_table(source, choose_columns=choose_columns, each="event")
    if table.problems:
        raise InputError(f"{source}: rows that cannot be read: {describe_problems(table.problems)}")
    columns = {role: pd.Series(table.columns[at]) for role, at in roles.items()}
    column = normalise_name(table.names[roles["id"]])
    bad: dict[str, npt.NDArray[np.bool_]] = {}
    users, bad["user"] = _texts(columns["user"], _user_name)
    ids, bad["id"] = _texts(columns["id"], _key_reader(column))
    ratings = timestamps = None
    if "rating" in columns:
        ratings, _ = _numbers(columns["rating"])
        bad["rating"] = ~np.isfinite(ratings)
    if "timestamp" in columns:
        timestamps, bad["timestamp"] = _times(columns["timestamp"])
    _refuse(source, table.lines, {table.names[at]: (columns[role], bad[role]) for role, at in roles.items()})
    found = RatingScale.of(ratings, source, scale, liked_from) if ratings is not None else None
    return History(source, users, ids, ratings, timestamps, found, column)


def similar_users(users: Sequence[str], asked: str) -> str:
    """Return a hint for error messages: users with a similar name, else examples of user names.

    Examples:
        >>> similar_users(["1", "2", "610"], "1000")
        '; it has 3 users, from 1 to 610'
        >>> similar_users(["anna", "bert"], "Ana")
        '; did you mean anna?'
    """
    if not (asked.isdecimal() or len(asked) < 3):
        folded = {name: name.casefold() for name in users}
        near = process.extract(asked.casefold(), folded, scorer=OSA.distance, score_cutoff=2, limit=3)
        if names := [name for _, edits, name in near if 3 * edits <= len(asked)]:
            return f"; did you mean {' or '.join(names)}?"
    if all(name.isdecimal() for name in users):
        numbers = sorted(map(int, users))
        return f"; it has {len(users):,} users, from {numbers[0]} to {numbers[-1]}"
    return f"; it has {len(users):,} users, such as {', '.join(sorted(users)[:3])}"


def _roles(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the column position of each role."""
    plain_names = [normalise_name(name) for name in names]
    roles = {}
    for role, aliases in HISTORY_ALIASES.items():
        found = next((alias for alias in aliases if alias in plain_names), None)
        if found is not None:
            roles[role] = plain_names.index(found)
    for role, called in (("user", "users (`userId`)"), ("id", "films (`imdb_id`, `film` or `movieId`)")):
        if role not in roles:
            free = [name for at, name in enumerate(plain_names) if at not in roles.values()]
            near = [n for alias in HISTORY_ALIASES[role] for n in difflib.get_close_matches(alias, free, n=1)]
            hint = f" (rename `{names[plain_names.index(near[0])]}`?)" if near else ""
            found_names = ", ".join(f"`{name}`" for name in names[:20]) or "none"
            raise InputError(f"{path}: no column of {called}{hint}; found {found_names}")
    return roles


def _user_name(cell: Any) -> str:
    return as_key(cell) if not isinstance(cell, str) or cell[:2].casefold() != "tt" else as_text(cell)


def _key_reader(column: str) -> Any:
    """Return the function that reads an id from a cell; in a column of IMDb ids, a bare number is an IMDb id."""
    return (lambda cell: parse_imdb_id(cell) or as_key(cell)) if column in IMDB_NAMES else as_key


def _texts(column: "pd.Series[Any]", read: Any) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """Return (E,) texts as ``read`` parses them, and (E,) whether a cell is empty."""
    codes, cells = pd.factorize(column, use_na_sentinel=False)
    values = np.empty(len(cells), dtype=object)
    values[:] = [read(cell) for cell in cells]
    return values[codes], np.array([not text for text in values], dtype=np.bool_)[codes]


def _numbers(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return (E,) numbers, NaN for a cell without one, and (E,) whether it is empty; a decimal comma is accepted."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    empty = np.zeros(len(column), dtype=np.bool_)
    for at in np.flatnonzero(np.isnan(numbers)):
        text = as_text(column.iloc[at])
        empty[at] = not text
        if _DECIMAL_COMMA.fullmatch(text):
            numbers[at] = float(text.replace(",", "."))
    return numbers, empty


def _times(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return (E,) seconds since 1970, NaN for empty cells, and (E,) whether a cell is unreadable; dates are in UTC."""
    if pd.api.types.is_datetime64_any_dtype(column):
        dates, numbers = pd.to_datetime(column, utc=True), np.full(len(column), np.nan)
        empty = column.isna().to_numpy(dtype=np.bool_)
    else:
        numbers, empty = _numbers(column)
        unread = np.isnan(numbers) & ~empty
        dates = pd.to_datetime(
            column.astype(object).where(pd.Series(unread)), errors="coerce", utc=True, format="ISO8601"
        )
    known = dates.notna().to_numpy(dtype=np.bool_)
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    numbers[known] = seconds.to_numpy(dtype=np.float64)[known]
    return numbers, ~np.isfinite(numbers) & ~empty


def _refuse(
    path: Path,
    lines: Sequence[int] | npt.NDArray[np.int64],
    columns: dict[str, tuple["pd.Series[Any]", npt.NDArray[np.bool_]]],
) -> None:
    """Raise an error that names the unreadable cells, if there are any."""
    unreadable = []
    for name, (cells, bad) in columns.items():
        at = np.flatnonzero(bad)
        if len(at):
            rows = ", ".join(f"row {lines[i]}: {str(cells.iloc[i])!r}" for i in at[:3])
            unreadable.append(f"{len(at)} of `{name}` ({rows}{', …' if len(at) > 3 else ''})")
    if unreadable:
        raise InputError(f"{path}: cells that cannot be read: {'; '.join(unreadable)}; fix or remove those rows")
