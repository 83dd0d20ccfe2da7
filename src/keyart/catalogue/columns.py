"""Detection of each column's role in a table of posters, such as image, genres or id."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keyart.catalogue.aliases import ALIASES, normalise_name
from keyart.catalogue.problems import Problem
from keyart.catalogue.table import RawTable
from keyart.catalogue.values import as_text, check_genre, clean_name

#: Names of 0/1 columns that are facts about a film or a row, not genres.
NEVER_GENRES = frozenset(
    (
        *("index", "idx", "rowid", "row", "fold", "train", "training", "val", "valid", "validation", "test", "link"),
        *("url", "imdblink", "movieid", "tmdbid", "userid", "score", "imdbscore", "rating", "ratings"),
        *("averagerating", "votes", "numvotes", "votecount", "voteaverage", "popularity", "budget", "revenue"),
        *("runtime", "video", "seen", "watched", "liked", "label", "target", "cluster", "group", "groups"),
        *("duplicate", "width", "height", "language", "country", "colour", "color", "name", "date", "releasedate"),
        *("sequel", "adult", "isadult", "nsfw", "explicit", "foreign", "released", "available", "deleted", "watchlist"),
        *("favorite", "favourite", "hasvideo", "hasposter", "hasimage", "isseries", "ismovie", "istvseries"),
    )
)
#: Genres of IMDb, TMDB, MovieLens and Letterboxd; a 0/1 column with such a name gets no remark.
USUAL_GENRES = frozenset(
    (
        *("action", "actionadventure", "adventure", "animation", "anime", "biography", "children", "childrens"),
        *("comedy", "crime", "documentary", "drama", "family", "fantasy", "filmnoir", "gameshow", "history", "horror"),
        *("imax", "kids", "music", "musical", "mystery", "news", "noir", "reality", "realitytv", "romance", "scifi"),
        *("sciencefiction", "scififantasy", "short", "soap", "sport", "sports", "superhero", "talk", "talkshow"),
        *("thriller", "tvmovie", "war", "warpolitics", "western"),
    )
)
ONE, ZERO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})

_GENRE_PREFIX = re.compile(r"genres?(?:_|\.|:|-|\s|__)+(?=\S)", re.IGNORECASE)
_FLAG_PREFIX = re.compile(r"(?:is|has|was|num|n)[_ .-]|unnamed", re.IGNORECASE)
_URL = re.compile(r"(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Column positions in a table, by role.

    Attributes:
        roles: Role (a key of :data:`ALIASES`) to position; a role without a column is absent.
        genre_flags: Position and genre of each 0/1 column; empty if there is a column of genres.
        rest: The other positions.
        remarks: Assumptions about the 0/1 columns.
    """

    roles: dict[str, int]
    genre_flags: tuple[tuple[int, str], ...]
    rest: tuple[int, ...]
    remarks: tuple[Problem, ...] = ()


def flag_value(text: str) -> bool | None:
    """Return the value of a 0/1 cell (empty means 0), or ``None`` if it is not such a cell."""
    folded = text.casefold()
    if not folded or folded in ZERO:
        return False
    if folded in ONE:
        return True
    try:
        number = float(folded)
    except ValueError:
        return None
    return bool(number) if number in (0.0, 1.0) else None


def detect_columns(table: RawTable) -> tuple[Columns, list[str]]:
    """Find the columns of a table by name and, for 0/1 genre columns, by content.

    A column is a genre if it has no other role, its name is not in :data:`NEVER_GENRES` (and does not start with
    ``is_``, ``has_``, ``num_`` …), and its cells are 0/1, except for one cell or 1% of them (these cells are reported
    as problems of their rows). If there are columns named ``genre_<name>``, only they are the genres; otherwise at
    least two genre columns are required. A name that is not in :data:`USUAL_GENRES` gets a remark. So does a column
    that is 1 in every row; it is left out unless its name is a usual genre or starts with ``genre_``.

    Returns:
        The columns, and the faults of those that are there; :func:`missing_columns` names what is not there.
    """
    names = [normalise_name(name) for name in table.names]
    faults = []
    roles: dict[str, int] = {}
    for role, aliases in ALIASES.items():
        for alias in aliases:
            at = [i for i, name in enumerate(names) if name == alias]
            if role == "img":
                at = [i for i in at if not holds_urls(table.columns[i])]
            if len(at) > 1:
                faults.append(f"{len(at)} columns are named `{table.names[at[0]]}`: rename or remove all but one")
            if at:
                roles[role] = at[0]
                break
    flags, remarks = ((), []) if "genres" in roles else _genre_flags(table, names, set(roles.values()))
    for i, genre in flags:
        try:
            check_genre(genre)
        except ValueError as error:
            faults.append(f"the 0/1 column `{table.names[i]}` names no genre ({error}); split the lists first")
    used = {*roles.values(), *(at for at, _ in flags)}
    if "id" in roles and "imdb_id" in roles:
        used.discard(roles["imdb_id"])  # `id` is the id here, but histories may join on the IMDb id
    return Columns(roles, flags, tuple(i for i in range(len(names)) if i not in used), tuple(remarks)), faults


def _genre_flags(
    table: RawTable, names: Sequence[str], taken: set[int]
) -> tuple[tuple[tuple[int, str], ...], list[Problem]]:
    """Return the 0/1 columns that are genres, and remarks on those whose names alone do not show it."""
    prefixed: list[tuple[int, str]] = []
    bare: list[tuple[int, str]] = []
    constant = set()
    for i, name in enumerate(table.names):
        counts = _flag_counts(table.columns[i]) if i not in taken else None
        if counts is None:
            continue
        if len(table) > 1 and all(flag_value(text) for text in counts):
            constant.add(i)
        match = _GENRE_PREFIX.match(name)
        if match and clean_name(name[match.end() :]):
            prefixed.append((i, clean_name(name[match.end() :])))
        elif names[i] not in _RESERVED and not _FLAG_PREFIX.match(name) and clean_name(name):
            bare.append((i, clean_name(name)))
    if prefixed:
        return tuple(prefixed), [_constant(table.names[i]) for i, _ in prefixed if i in constant]
    left_out = [i for i, _ in bare if i in constant and names[i] not in USUAL_GENRES]
    kept = [(i, genre) for i, genre in bare if i not in left_out]
    if len(kept) < 2:
        return (), []
    remarks = [_constant(table.names[i], kept=i not in left_out) for i, _ in bare if i in constant]
    remarks += [_unusual(table.names[i]) for i, _ in kept if names[i] not in USUAL_GENRES]
    return tuple(kept), remarks


def _constant(name: str, *, kept: bool = True) -> Problem:
    reason = "it says nothing as a genre" if kept else "left out: it says nothing as a genre"
    fix = "remove the column" if kept else "if it is one, name it and all other genres genre_<name>"
    return Problem(1, "", "", "constant column", f"column `{name}` is 1 in every row; {reason}", fix)


def _unusual(name: str) -> Problem:
    detail = f"the 0/1 column `{name}` is taken for a genre, though its name is none of the usual ones"
    return Problem(1, "", "", "unusual genre", detail, f"name it is_{name} if it is none")


def _flag_counts(cells: Sequence[Any]) -> Counter[str] | None:
    """Count each text in a 0/1 column; return None if it is not a 0/1 column."""
    counts: Counter[str] = Counter()
    for i, cell in enumerate(cells):
        counts[as_text(cell)] += 1
        if i == 200 and len(counts) > 50:
            return None
    filled = {text: count for text, count in counts.items() if text}
    odd = sum(count for text, count in filled.items() if flag_value(text) is None)
    total = sum(filled.values())
    return counts if total > 0 and odd <= max(1, total // 100) and odd * 5 <= total else None


def holds_urls(cells: Sequence[Any]) -> bool:
    """Return whether most non-empty cells contain a URL."""
    filled = [text for text in map(as_text, cells) if text]
    return 2 * sum(bool(_URL.match(text)) for text in filled) > len(filled)


_RESERVED = NEVER_GENRES | {alias for aliases in ALIASES.values() for alias in aliases}
