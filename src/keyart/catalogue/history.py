"""Histories: who watched or rated which film, from CSV or Parquet."""

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

from keyart.catalogue.aliases import HISTORY_ALIASES, IMDB_NAMES, plain
from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.problems import Account, tell
from keyart.catalogue.ratings import RatingScale
from keyart.catalogue.table import read_table, table_faults
from keyart.catalogue.values import as_key, as_text, parse_imdb_id
from keyart.errors import InputError

_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")


@dataclass(frozen=True, eq=False)
class History:
    """E events: a user watched or rated a film.

    Attributes:
        source: The table's file.
        users: (E,) str, who.
        ids: (E,) str, which film: an IMDb id as ``tt`` and seven digits or more, else the text of the cell.
        ratings: (E,) float64; None where the table has no ratings.
        timestamps: (E,) float64, seconds since 1970, NaN where unknown; None where the table has none.
        scale: The scale of the ratings, by default found from them; None where the table has no ratings.
        column: The plain name of the column that the ids are from, such as ``imdbid`` or ``movieid``.
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
        """(E,) ratings as of five stars, whatever their scale; None where the table has no ratings."""
        return None if self.ratings is None or self.scale is None else self.ratings * (5.0 / self.scale.best)

    @property
    def summary(self) -> str:
        """How many events there are and how their ratings are read, in one line."""
        rated = f"{self.scale}, liked from {self.scale.liked_from:g} on" if self.scale else "no ratings: each is a like"
        return f"{self.source}: {Account(len(self), len(self), 0, 'event')}; {rated}"

    def liked(self, at_least: float | None = None) -> npt.NDArray[np.bool_]:
        """(E,) whether the user liked the film; without ratings every event says so.

        Args:
            at_least: The rating from which on a film counts as liked; None: as the scale says.
        """
        if self.ratings is None or self.scale is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.asarray(self.ratings >= (self.scale.liked_from if at_least is None else at_least))

    def match(self, catalogue: Catalogue) -> "Matched":
        """Find the films of the events in a catalogue: by ``film``, else by a poster's id.

        Where the catalogue has a column of the same name as the history's, such as ``movieId``, that column counts
        alone: a number is the id of no other column. (IMDb ids cannot be mistaken, so that all columns count.)

        Raises:
            InputError: The catalogue knows none of them.
        """
        films = np.asarray(pd.unique(pd.Series(catalogue.films, dtype=object)), dtype=object)
        place = {str(film): i for i, film in enumerate(films)}
        codes_of = [place[str(film)] for film in catalogue.films]
        same = IMDB_NAMES if self.column in IMDB_NAMES else (self.column,)
        own = [name for name in catalogue.extra if plain(str(name)) in same]
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
        return Matched(films, where[codes], int((where < 0).sum()))


def film_places(
    ids: Sequence[Any] | npt.NDArray[Any], codes: Sequence[int], films: Sequence[Any] | npt.NDArray[Any], column: str
) -> dict[str, int]:
    """Where each film is found by what a history calls it.

    Args:
        ids: N poster ids.
        codes: The film of each, as a position in ``films``.
        films: F film names.
        column: The plain name of the history's column. Where one text is a film and also the id of another film's
            poster, a column of poster ids means the poster, any other one the film.
    """
    by_id = {as_key(one) or str(one): int(code) for one, code in zip(ids, codes, strict=True)}
    by_film = {as_key(film) or str(film): at for at, film in enumerate(films)}
    return by_film | by_id if column in ("id", "posterid") else by_id | by_film


@dataclass(frozen=True, eq=False)
class Matched:
    """Where the events of a history lie in a catalogue.

    Attributes:
        films: (F,) the catalogue's films, each once, in its order.
        film: (E,) int64 position in ``films`` of each event's film; −1 where the catalogue lacks it.
        unknown_films: How many films of the history the catalogue lacks.
    """

    films: npt.NDArray[np.object_]
    film: npt.NDArray[np.int64]
    unknown_films: int

    @property
    def unknown_events(self) -> int:
        """How many events are about films that the catalogue lacks."""
        return int((self.film < 0).sum())


def read_history(path: str | Path, *, scale: float | None = None, liked_from: float | None = None) -> History:
    """Read a history: one row an event, with columns of users and films and, where known, ratings and timestamps.

    Columns are found by name (``userId``, ``imdb_id``, ``movieId``, ``rating`` …, see `HISTORY_ALIASES`), compared
    without case, spaces and punctuation. Where there are several columns of films, ``film`` goes before an IMDb id
    and that before ``movieId``.

    Args:
        path: CSV in any dialect, or Parquet.
        scale: The best rating; None: found from the ratings, see :meth:`RatingScale.of`.
        liked_from: The rating from which on a film counts as liked; None: four fifths of the best.

    Raises:
        InputError: No such table, one without users or films, without a row, or with rows that cannot be read: the
            first few of them are named. No known scale fits the ratings.
    """
    source = Path(path).expanduser().absolute()
    if faults := table_faults(source, "--history"):
        raise InputError(faults[0])
    roles: dict[str, int] = {}

    def wanted(names: list[str]) -> list[int]:
        found = _roles(source, names)
        roles.update(zip(found, range(len(found)), strict=True))
        return list(found.values())

    table = read_table(source, wanted=wanted, each="event")
    if table.problems:
        raise InputError(f"{source}: rows that cannot be read: {tell(table.problems)}")
    columns = {role: pd.Series(table.columns[at]) for role, at in roles.items()}
    column = plain(table.names[roles["id"]])
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


def near_users(users: Sequence[str], asked: str) -> str:
    """A hint, for messages: users of nearly that name, or else what users look like.

    Examples:
        >>> near_users(["1", "2", "610"], "1000")
        '; it has 3 users, from 1 to 610'
        >>> near_users(["anna", "bert"], "Ana")
        '; did you mean anna?'
    """
    if not (asked.isdecimal() or len(asked) < 3):
        spelt = {name: name.casefold() for name in users}
        near = process.extract(asked.casefold(), spelt, scorer=OSA.distance, score_cutoff=2, limit=3)
        if names := [name for _, edits, name in near if 3 * edits <= len(asked)]:
            return f"; did you mean {' or '.join(names)}?"
    if all(name.isdecimal() for name in users):
        numbers = sorted(map(int, users))
        return f"; it has {len(users):,} users, from {numbers[0]} to {numbers[-1]}"
    return f"; it has {len(users):,} users, such as {', '.join(sorted(users)[:3])}"


def _roles(path: Path, names: Sequence[str]) -> dict[str, int]:
    """Role to position of its column."""
    plain_names = [plain(name) for name in names]
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
    """From a cell of a column to the id that it holds: in a column of IMDb ids a bare number is one."""
    return (lambda cell: parse_imdb_id(cell) or as_key(cell)) if column in IMDB_NAMES else as_key


def _texts(column: "pd.Series[Any]", read: Any) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """(E,) cells as ``read`` reads them, and (E,) whether a cell is empty."""
    codes, cells = pd.factorize(column, use_na_sentinel=False)
    values = np.empty(len(cells), dtype=object)
    values[:] = [read(cell) for cell in cells]
    return values[codes], np.array([not text for text in values], dtype=np.bool_)[codes]


def _numbers(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(E,) numbers, NaN where a cell holds none, and (E,) whether it is empty; a decimal comma is understood."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    empty = np.zeros(len(column), dtype=np.bool_)
    for at in np.flatnonzero(np.isnan(numbers)):
        text = as_text(column.iloc[at])
        empty[at] = not text
        if _DECIMAL_COMMA.fullmatch(text):
            numbers[at] = float(text.replace(",", "."))
    return numbers, empty


def _times(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(E,) seconds since 1970, NaN in empty cells, and (E,) whether a cell cannot be read; dates are UTC."""
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
    """Name the cells that cannot be read, if there are any."""
    told = []
    for name, (cells, bad) in columns.items():
        at = np.flatnonzero(bad)
        if len(at):
            rows = ", ".join(f"row {lines[i]}: {str(cells.iloc[i])!r}" for i in at[:3])
            told.append(f"{len(at)} of `{name}` ({rows}{', …' if len(at) > 3 else ''})")
    if told:
        raise InputError(f"{path}: cells that cannot be read: {'; '.join(told)}; fix or remove those rows")
