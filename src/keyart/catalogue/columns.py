"""Which column of a table is what."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from keyart.catalogue.formats import as_text, clean_name
from keyart.catalogue.table import RawTable

#: For each role the column names that mean it, best first; compared without case, spaces and punctuation.
ALIASES: dict[str, tuple[str, ...]] = {
    "img": (
        *("img", "image", "file", "filename", "imgpath", "imagepath", "filepath", "imgfile", "imagefile", "imgname"),
        *("imagename", "posterpath", "posterfile", "path", "poster"),
    ),
    "genres": ("genres", "genre", "genrenames", "genrelist"),
    "id": ("id", "posterid"),
    "imdb_id": ("imdbid", "imdb", "tconst", "imdbtitleid"),
    "film": ("film", "filmid"),
    "title": ("title", "movietitle", "filmtitle", "primarytitle", "originaltitle"),
    "year": ("year", "releaseyear", "startyear", "titleyear"),
    "split": ("split", "subset", "partition"),
}
#: 0/1 columns of these names are facts about a film or a row, not genres.
NEVER_GENRES = frozenset(
    (
        *("index", "idx", "rowid", "row", "fold", "train", "training", "val", "valid", "validation", "test", "link"),
        *("url", "imdblink", "movieid", "tmdbid", "userid", "score", "imdbscore", "rating", "ratings"),
        *("averagerating", "votes", "numvotes", "votecount", "voteaverage", "popularity", "budget", "revenue"),
        *("runtime", "video", "seen", "watched", "liked", "label", "target", "cluster", "group", "groups"),
        *("duplicate", "width", "height", "language", "country", "colour", "color", "name", "date", "releasedate"),
        "sequel",
    )
)
ONE, ZERO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})

_GENRE_PREFIX = re.compile(r"genres?(?:_|\.|:|-|\s|__)+(?=\S)", re.IGNORECASE)
_FLAG_PREFIX = re.compile(r"(?:is|has|was|num|n)[_ .-]|unnamed", re.IGNORECASE)
_URL = re.compile(r"(?:https?:)?//", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Positions of columns in a table, ``None`` where it has none of the kind.

    Attributes:
        roles: Role (a key of :data:`ALIASES`) to position.
        genre_flags: Position and genre of each 0/1 column; empty where there is a column of genres.
        rest: The other positions.
    """

    roles: dict[str, int]
    genre_flags: tuple[tuple[int, str], ...]
    rest: tuple[int, ...]


def plain(name: str) -> str:
    """A column name without case, spaces and punctuation.

    Examples:
        >>> plain("Imdb Link"), plain("poster_path")
        ('imdblink', 'posterpath')
    """
    return re.sub(r"[\W_]", "", name).casefold()


def flag_value(text: str) -> bool | None:
    """The truth of a 0/1 cell (empty means 0), or ``None`` where it is no such cell."""
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


def recognise(table: RawTable) -> tuple[Columns, list[str]]:
    """Find the columns of a table by name and, for 0/1 genre columns, by content.

    A column counts as a genre when it has no other role, its name is none of :data:`NEVER_GENRES` (nor starts with
    ``is_``, ``has_``, ``num_`` …), and its cells are 0/1 but for at most one in a hundred (those are told as problems
    of their rows). Columns named ``genre_<name>`` are the genres whenever there are any. At least two are needed.

    Returns:
        The columns, and the table's faults: what is missing, with the names found and the nearest to those wanted.
    """
    names = [plain(name) for name in table.names]
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
    flags = () if "genres" in roles else _genre_flags(table, names, set(roles.values()))
    faults += _missing(table, names, roles, flags)
    used = {*roles.values(), *(at for at, _ in flags)}
    if "id" in roles and "imdb_id" in roles:
        used.discard(roles["imdb_id"])  # not the id then, but histories may join on it
    return Columns(roles, flags, tuple(i for i in range(len(names)) if i not in used)), faults


def _missing(
    table: RawTable, names: Sequence[str], roles: dict[str, int], flags: Sequence[tuple[int, str]]
) -> list[str]:
    found = ", ".join(f"`{name}`" for name in table.names[:40]) + (", …" if len(table.names) > 40 else "")
    faults = []
    if not roles.keys() & {"img", "id", "imdb_id"}:
        near = _near(table, names, roles, ("img", "imdb_id"))
        faults.append(f"no column of images (`img`; or `imdb_id`, when files are named by it){near}; found {found}")
    if "genres" not in roles and not flags:
        near = _near(table, names, roles, ("genres",))
        faults.append(f"no genres (a column `genres`, or a 0/1 column for each genre){near}; found {found}")
    return faults


def _near(table: RawTable, names: Sequence[str], roles: dict[str, int], wanted: Iterable[str]) -> str:
    free = {name: table.names[i] for i, name in enumerate(names) if i not in roles.values()}
    hints = []
    for role in wanted:
        near = [n for alias in ALIASES[role] for n in difflib.get_close_matches(alias, free, n=2, cutoff=0.7)]
        hints += [f"rename `{free[name]}` to `{role}`" for name in dict.fromkeys(near)]
    return f" ({'; '.join(hints)}?)" if hints else ""


def _genre_flags(table: RawTable, names: Sequence[str], taken: set[int]) -> tuple[tuple[int, str], ...]:
    prefixed: list[tuple[int, str]] = []
    bare: list[tuple[int, str]] = []
    for i, name in enumerate(table.names):
        if i in taken or not _is_flag(table.columns[i]):
            continue
        match = _GENRE_PREFIX.match(name)
        if match and clean_name(name[match.end() :]):
            prefixed.append((i, clean_name(name[match.end() :])))
        elif names[i] not in _RESERVED and not _FLAG_PREFIX.match(name) and clean_name(name):
            bare.append((i, clean_name(name)))
    return tuple(prefixed) if prefixed else tuple(bare) if len(bare) > 1 else ()


def _is_flag(cells: Sequence[Any]) -> bool:
    counts: Counter[str] = Counter()
    for i, cell in enumerate(cells):
        counts[as_text(cell)] += 1
        if i == 200 and len(counts) > 50:
            return False
    filled = {text: count for text, count in counts.items() if text}
    odd = sum(count for text, count in filled.items() if flag_value(text) is None)
    total = sum(filled.values())
    return total > 0 and odd <= max(1, total // 100) and odd * 5 <= total


def holds_urls(cells: Sequence[Any]) -> bool:
    """Whether most cells that are filled hold a URL."""
    filled = [text for text in map(as_text, cells) if text]
    return 2 * sum(bool(_URL.match(text)) for text in filled) > len(filled)


_RESERVED = NEVER_GENRES | {alias for aliases in ALIASES.values() for alias in aliases}
