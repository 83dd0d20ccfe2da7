"""Faults of single rows of a table of posters, with a suggested fix for each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

#: Kinds of problem that remove one value of a row but keep the row in the catalogue.
NON_FATAL_KINDS = frozenset({"bad year"})


@dataclass(frozen=True)
class Problem:
    """A fault of one row of a table.

    Attributes:
        row: Line number in the table; the header is line 1. In a Parquet table the first row counts as line 2.
        id: The poster's id, or ``""`` if the row has none.
        file: The image as the table names it, or ``""``.
        kind: A short name for this type of fault, such as ``"no genres"`` or ``"missing image"``.
        detail: What exactly was found.
        fix: How to fix it.
    """

    row: int
    id: str
    file: str
    kind: str
    detail: str
    fix: str

    @property
    def row_is_usable(self) -> bool:
        """Whether the poster stays in the catalogue, with only one value unknown."""
        return self.kind in NON_FATAL_KINDS


@dataclass(frozen=True)
class RowCounts:
    """Row counts of a table: each row is either usable or left out because of a fault.

    Attributes:
        rows: Number of rows in the table, without blank lines and the header.
        posters: Number of usable rows.
        faults: Number of rows that are left out.
        noun: What a row describes: a poster, a pair or an event.

    Raises:
        RuntimeError: The counts do not add up, so rows were lost. This is a bug in keyart; no input may cause it.
    """

    rows: int
    posters: int
    faults: int
    noun: str = "poster"

    def __post_init__(self) -> None:
        if self.rows != self.posters + self.faults:
            raise RuntimeError(
                f"{self.rows} rows were read, {self.posters} are {self.noun}s and {self.faults} are faulty"
            )

    @classmethod
    def of(cls, rows: int, posters: int, problems: Iterable[Problem], noun: str = "poster") -> "RowCounts":
        """Count ``rows`` rows; each row with a problem that does not keep it is left out."""
        return cls(rows, posters, len({problem.row for problem in problems if not problem.row_is_usable}), noun)

    def __str__(self) -> str:
        return f"{_count(self.rows, 'row')} = {_count(self.posters, self.noun)} + {_count(self.faults, 'fault')}"


def summarise(problems: Sequence[Problem], source: str | Path, limit: int = 10) -> str:
    """Summarise problems in one line: the count of each kind, the first few faults, and the most common fixes.

    Args:
        problems: Faults of one table, in any order.
        source: The table's file.
        limit: Maximum number of faults to name; the kinds take turns.

    Returns:
        One line, or ``""`` if there are no problems.

    Examples:
        >>> gone = Problem(7, "tt1", "tt1.jpg", "missing image", "posters/ holds no tt1.jpg", "put it there")
        >>> print(*summarise([gone], "films.csv").split("; "), sep=";" + chr(10))
        films.csv: 1 problem in 1 row: 1 missing image (row 7 tt1.jpg: posters/ holds no tt1.jpg);
        fix: put it there;
        data.on_bad_poster=skip leaves such rows out, `keyart check` lists all
    """
    if not problems:
        return ""
    rows = len({p.row for p in problems})
    skip = (
        "data.on_bad_poster=skip continues without the years"
        if all(p.row_is_usable for p in problems)
        else "data.on_bad_poster=skip leaves such rows out"
    )
    line = (
        f"{source}: {_count(len(problems), 'problem')} in {_count(rows, 'row')}: {describe_problems(problems, limit)}"
    )
    return " ".join(f"{line}; {skip}, `keyart check` lists all".split())


def describe_problems(problems: Sequence[Problem], limit: int = 10) -> str:
    """Return the kinds with their counts, the first ``limit`` faults, and the three most common fixes, as text."""
    by_kind: dict[str, list[Problem]] = {}
    for problem in sorted(problems, key=lambda p: (p.row, p.kind)):
        by_kind.setdefault(problem.kind, []).append(problem)
    parts = []
    shares = _shares([len(found) for found in by_kind.values()], limit)
    for (kind, found), share in zip(by_kind.items(), shares, strict=True):
        named = [f"row {p.row}{' ' + (p.file or p.id) if p.file or p.id else ''}: {p.detail}" for p in found[:share]]
        if share and len(found) > share:
            named.append(f"and {len(found) - share} more")
        parts.append(f"{len(found)} {kind}" + (f" ({'; '.join(named)})" if named else ""))
    fixes = [fix for fix, _ in Counter(p.fix for p in problems).most_common(3)]
    return f"{', '.join(parts)}; fix: {' / '.join(fixes)}"


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Build a table of all problems, one per row, with columns ``row, id, file, kind, detail, fix``, sorted by row."""
    names = [field.name for field in fields(Problem)]
    ordered = sorted(problems, key=lambda p: (p.row, p.kind, p.id))
    return pd.DataFrame([asdict(problem) for problem in ordered], columns=names)


def _shares(counts: Sequence[int], limit: int) -> list[int]:
    """Return how many faults of each kind to name, if kinds take turns and ``limit`` faults are named in total."""
    shares = [0] * len(counts)
    left = limit
    while left > 0 and any(share < count for share, count in zip(shares, counts, strict=True)):
        for i, count in enumerate(counts):
            if left and shares[i] < count:
                shares[i] += 1
                left -= 1
    return shares


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
