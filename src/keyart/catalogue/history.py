"""Histories: who watched or rated which film, from CSV or Parquet."""

import csv
import difflib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from rapidfuzz import process
from rapidfuzz.distance import OSA

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.columns import plain
from keyart.catalogue.formats import MISSING, as_text, parse_imdb_id
from keyart.catalogue.table import PARQUET_SUFFIXES, SEPARATORS, table_faults
from keyart.errors import InputError

_IMDB = ("imdbid", "imdb", "tconst", "imdbtitleid")
#: For each role the column names that mean it, best first; compared without case, spaces and punctuation.
HISTORY_ALIASES: dict[str, tuple[str, ...]] = {
    "user": ("userid", "user", "uid", "profileid", "customerid", "accountid", "viewerid", "memberid"),
    "id": ("film", "filmid", *_IMDB, "movieid", "titleid", "itemid", "item", "movie", "posterid", "id"),
    "rating": ("rating", "ratings", "score", "stars"),
    "timestamp": ("timestamp", "unixtimestamp", "time", "ts", "date", "datetime", "watchedat", "ratedat"),
}
LIKED = 4.0
"""From this rating on (of 5) a film counts as liked."""


@dataclass(frozen=True, eq=False)
class History:
    """E events: a user watched or rated a film.

    Attributes:
        source: The table's file.
        users: (E,) str, who.
        ids: (E,) str, which film: an IMDb id as ``tt`` and seven digits or more, else the text of the cell.
        ratings: (E,) float64; None where the table has no ratings.
        timestamps: (E,) float64, seconds since 1970, NaN where unknown; None where the table has none.
    """

    source: Path
    users: npt.NDArray[np.object_]
    ids: npt.NDArray[np.object_]
    ratings: npt.NDArray[np.float64] | None
    timestamps: npt.NDArray[np.float64] | None

    def __len__(self) -> int:
        return len(self.users)

    def liked(self, at_least: float = LIKED) -> npt.NDArray[np.bool_]:
        """(E,) whether the user liked the film; without ratings every event says so."""
        if self.ratings is None:
            return np.ones(len(self), dtype=np.bool_)
        return np.asarray(self.ratings >= at_least)

    def match(self, catalogue: Catalogue) -> "Matched":
        """Find the films of the events in a catalogue: by ``film``, else by a poster's id.

        Raises:
            InputError: The catalogue knows none of them.
        """
        films = pd.unique(pd.Series(catalogue.films, dtype=object))
        place = {str(film): i for i, film in enumerate(films)}
        known = {str(one): place[str(film)] for one, film in zip(catalogue.ids, catalogue.films, strict=True)} | place
        codes, names = pd.factorize(pd.Series(self.ids, dtype=object))
        where = np.array([known.get(name, -1) for name in names], dtype=np.int64)
        if not (where >= 0).any():
            raise InputError(
                f"{self.source}: none of its {len(names)} films ({names[0]}, say) is in {catalogue.source.name}"
                f" ({films[0]}, say); give both the same ids, in a column imdb_id or film"
            )
        return Matched(np.asarray(films, dtype=object), where[codes], int((where < 0).sum()))


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


def read_history(path: str | Path) -> History:
    """Read a history: one row an event, with columns of users and films and, where known, ratings and timestamps.

    Columns are found by name (``userId``, ``imdb_id``, ``movieId``, ``rating`` …, see `HISTORY_ALIASES`), compared
    without case, spaces and punctuation. Where there are several columns of films, ``film`` goes before an IMDb id
    and that before ``movieId``.

    Args:
        path: CSV (comma, semicolon, tab or bar) or Parquet.

    Raises:
        InputError: No such table, one without users or films, without a row, or with cells that cannot be read: the
            first few of them are named.
    """
    source = Path(path).expanduser().absolute()
    if faults := table_faults(source):
        raise InputError(faults[0].replace("data.catalogue or --catalogue", "--history"))
    names = _names(source)
    roles = _roles(source, names)
    frame = _read(source, [names[at] for at in roles.values()])
    if not len(frame):
        raise InputError(f"{source}: the table has a header and no rows; add a row for each event")
    columns = {role: frame[names[at]] for role, at in roles.items()}
    imdb = plain(names[roles["id"]]) in _IMDB
    bad: dict[str, npt.NDArray[np.bool_]] = {}
    users, bad["user"] = _texts(columns["user"], imdb=False)
    ids, bad["id"] = _texts(columns["id"], imdb=imdb)
    ratings = timestamps = None
    if "rating" in columns:
        ratings = pd.to_numeric(columns["rating"], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bad["rating"] = ~np.isfinite(ratings)
    if "timestamp" in columns:
        timestamps, bad["timestamp"] = _times(columns["timestamp"])
    _refuse(source, {names[at]: (columns[role], bad[role]) for role, at in roles.items()})
    return History(source, users, ids, ratings, timestamps)


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


def _names(path: Path) -> list[str]:
    """The column names as they stand in the file."""
    if path.suffix.lower() in PARQUET_SUFFIXES:
        import pyarrow.parquet as pq

        try:
            return [str(name) for name in pq.read_schema(path).names]
        except Exception as error:
            raise InputError(f"{path}: not a readable Parquet file ({error}); write it again, or as CSV") from error
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        return next(csv.reader([header], delimiter=_separator(header)), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); save the table as UTF-8 CSV, or as .parquet") from error


def _separator(header: str) -> str:
    return max(SEPARATORS, key=header.count)


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


def _read(path: Path, names: Sequence[str]) -> pd.DataFrame:
    wanted = list(names)
    try:
        if path.suffix.lower() in PARQUET_SUFFIXES:
            return pd.read_parquet(path, columns=wanted)
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = _separator(file.readline())
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # All columns, as only then the parser notices rows of too many cells.
            frame = pd.read_csv(
                path,
                sep=separator,
                dtype=str,
                index_col=False,
                encoding="utf-8-sig",
                encoding_errors="replace",
                keep_default_na=False,
            )
        return frame[wanted]
    except pd.errors.ParserWarning as error:
        told = "a row of more cells than the header has"
        raise InputError(f"{path}: cannot be read ({told}); put quotes around text that holds {separator!r}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); save the table as UTF-8 CSV, or as .parquet") from error


def _texts(column: "pd.Series[str]", *, imdb: bool) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """(E,) cells as text, IMDb ids in one spelling, and (E,) whether a cell is empty."""
    codes, cells = pd.factorize(column, use_na_sentinel=False)
    texts = [as_text(cell) for cell in cells]
    texts = ["" if text.casefold() in MISSING else text for text in texts]
    spelt = [(parse_imdb_id(t) if imdb or t[:2].casefold() == "tt" else None) or t for t in texts]
    values = np.empty(len(spelt), dtype=object)
    values[:] = spelt
    return values[codes], np.array([not t for t in texts], dtype=np.bool_)[codes]


def _times(column: "pd.Series[str]") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(E,) seconds since 1970, NaN in empty cells, and (E,) whether a cell cannot be read; dates are UTC."""
    if pd.api.types.is_datetime64_any_dtype(column):
        dates = pd.to_datetime(column, utc=True)
        numbers = np.full(len(column), np.nan)
    else:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        dates = pd.to_datetime(column.where(np.isnan(numbers)), errors="coerce", utc=True, format="ISO8601")
    known = dates.notna().to_numpy()
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    numbers[known] = seconds.to_numpy(dtype=np.float64)[known]
    empty = column.isna().to_numpy() | (column.astype(str).str.strip() == "").to_numpy()
    return numbers, ~np.isfinite(numbers) & ~empty


def _refuse(path: Path, columns: dict[str, tuple["pd.Series[str]", npt.NDArray[np.bool_]]]) -> None:
    """Name the cells that cannot be read, if there are any."""
    told = []
    for name, (cells, bad) in columns.items():
        at = np.flatnonzero(bad)
        if len(at):
            rows = ", ".join(f"row {i + 2}: {str(cells.iloc[i])!r}" for i in at[:3])
            told.append(f"{len(at)} of `{name}` ({rows}{', …' if len(at) > 3 else ''})")
    if told:
        raise InputError(f"{path}: cells that cannot be read: {'; '.join(told)}; mend or remove those rows")
