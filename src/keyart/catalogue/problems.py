"""What is wrong with single rows of a table of posters, and how to mend it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

#: Kinds of problem that cost a row one value and not its place in the catalogue.
KEEPING_KINDS = frozenset({"bad year"})


@dataclass(frozen=True)
class Problem:
    """One fault of one row.

    Attributes:
        row: Line number in the table; the header is line 1. In a Parquet table the first row counts as line 2.
        id: The poster's id, or ``""`` where the row does not give one.
        file: The image as the table names it, or ``""``.
        kind: A few words that faults of one sort share, such as ``"no genres"`` or ``"missing image"``.
        detail: What exactly was found.
        mend: What to do about it.
    """

    row: int
    id: str
    file: str
    kind: str
    detail: str
    mend: str

    @property
    def keeps_row(self) -> bool:
        """Whether the poster stays in the catalogue all the same (only one value of it is unknown)."""
        return self.kind in KEEPING_KINDS


@dataclass(frozen=True)
class Account:
    """What became of the rows of a table: each is a poster (a pair, an event), or left out because of a fault.

    Attributes:
        rows: How many the table holds; blank lines and the header are none.
        posters: How many can be used.
        faults: How many are left out.
        noun: What a row stands for.

    Raises:
        RuntimeError: The sum is wrong: rows were lost on the way. No input may bring that about.
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
    def of(cls, rows: int, posters: int, problems: Iterable[Problem], noun: str = "poster") -> "Account":
        """The account of ``rows`` rows: those with a problem that does not keep them are left out."""
        return cls(rows, posters, len({problem.row for problem in problems if not problem.keeps_row}), noun)

    def __str__(self) -> str:
        return f"{_count(self.rows, 'row')} = {_count(self.posters, self.noun)} + {_count(self.faults, 'fault')}"


def summarise(problems: Sequence[Problem], source: str | Path, limit: int = 10) -> str:
    """Tell all problems in one line: how many of each kind, the first few by name, and the mend.

    Args:
        problems: Faults of one table, in any order.
        source: The table's file.
        limit: At most so many faults are named one by one, the kinds taking turns.

    Returns:
        One line, or ``""`` when there are no problems.

    Examples:
        >>> gone = Problem(7, "tt1", "tt1.jpg", "missing image", "posters/ holds no tt1.jpg", "put it there")
        >>> print(*summarise([gone], "films.csv").split("; "), sep=";" + chr(10))
        films.csv: 1 problem in 1 row: 1 missing image (row 7 tt1.jpg: posters/ holds no tt1.jpg);
        mend: put it there;
        data.on_bad_poster=skip leaves such rows out, `keyart check` lists all
    """
    if not problems:
        return ""
    rows = len({p.row for p in problems})
    skip = (
        "data.on_bad_poster=skip goes on without the years"
        if all(p.keeps_row for p in problems)
        else "data.on_bad_poster=skip leaves such rows out"
    )
    line = f"{source}: {_count(len(problems), 'problem')} in {_count(rows, 'row')}: {tell(problems, limit)}"
    return " ".join(f"{line}; {skip}, `keyart check` lists all".split())


def tell(problems: Sequence[Problem], limit: int = 10) -> str:
    """The kinds with their counts, the first ``limit`` faults by name, and the commonest mends."""
    by_kind: dict[str, list[Problem]] = {}
    for problem in sorted(problems, key=lambda p: (p.row, p.kind)):
        by_kind.setdefault(problem.kind, []).append(problem)
    told = []
    shares = _shares([len(found) for found in by_kind.values()], limit)
    for (kind, found), share in zip(by_kind.items(), shares, strict=True):
        named = [f"row {p.row}{' ' + (p.file or p.id) if p.file or p.id else ''}: {p.detail}" for p in found[:share]]
        if share and len(found) > share:
            named.append(f"and {len(found) - share} more")
        told.append(f"{len(found)} {kind}" + (f" ({'; '.join(named)})" if named else ""))
    mends = [mend for mend, _ in Counter(p.mend for p in problems).most_common(3)]
    return f"{', '.join(told)}; mend: {' / '.join(mends)}"


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """All problems as a table: one row a problem, columns ``row, id, file, kind, detail, mend``, sorted by row."""
    names = [field.name for field in fields(Problem)]
    ordered = sorted(problems, key=lambda p: (p.row, p.kind, p.id))
    return pd.DataFrame([asdict(problem) for problem in ordered], columns=names)


def _shares(counts: Sequence[int], limit: int) -> list[int]:
    """How many faults of each kind are named, when kinds take turns and ``limit`` are named in all."""
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
