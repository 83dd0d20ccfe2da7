"""Raw tables read from CSV (any dialect and encoding) or Parquet: named columns of cells with line numbers."""

import codecs
import csv
import difflib
import io
import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.aliases import KEYS, normalise_name
from keyart.catalogue.problems import Problem
from keyart.catalogue.values import cell_form
from keyart.errors import InputError
from keyart.utils.reading import read_bytes

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
SEPARATORS = (",", "\t", ";", "|")
#: Separators of files that are usually written without quoting, so that a quote is an ordinary character.
UNQUOTED = ("\t", "|")
ColumnChoice = Callable[[list[str]], list[int]]

MOST_BYTES = 4 << 30
"""Maximum size of a table as text; one of a million posters has a tenth of it."""

_log = logging.getLogger(__name__)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BREAK = re.compile(r"[\r\n]")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
#: First line of a file from Excel that names the separator, such as ``sep=;``.
_SEPARATOR_LINE = re.compile(r"""\s*"?sep=(\\t|[^\w\s"]|\t)"?[,;|\s]*""", re.IGNORECASE)
_QUOTE_KINDS = frozenset({"broken quotes", "swallowed rows", "swallowed cells"})


@dataclass
class RawTable:
    """Unparsed cells of a table, as they are in the file.

    Every row of the file is either in ``lines`` or named by a problem; :attr:`rows` counts both.

    Attributes:
        names: The column names, without surrounding space.
        columns: The cells of each column: stripped text from CSV, any value from Parquet.
        lines: The line number of each row, as in :class:`Problem`.
        problems: Rows that could not be split into cells and were left out; one per row.
        remarks: Assumptions made to read the file.
    """

    names: list[str]
    columns: list[Sequence[Any]]
    lines: Sequence[int] | npt.NDArray[np.int64]
    problems: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def rows(self) -> int:
        """Number of rows in the file, including those that could not be split into cells."""
        return len(self.lines) + len(self.problems)


def table_faults(path: Path, parameter: str = "catalogue") -> list[str]:
    """Return the reasons why ``path`` cannot be a table, checked before it is opened.

    Args:
        path: The table.
        parameter: The parameter that names the table, for messages.
    """
    if not path.exists():
        near = similar_files(path)
        hint = f"; near it: {', '.join(near)}" if near else ""
        return [f"{path}: no such table{hint}; name a CSV or Parquet file (``{parameter}``)"]
    if not path.is_file():
        return [f"{path}: not a file; name a CSV or Parquet table (``{parameter}``)"]
    if path.suffix.lower() not in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES):
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))
        return [f"{path}: unsupported suffix {path.suffix or '(none)'!r}; save the table as one of {known}"]
    return []


def similar_files(path: Path, limit: int = 3) -> list[str]:
    """Return up to ``limit`` file names in the same folder that are similar to the name of ``path``."""
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []
    return difflib.get_close_matches(path.name, beside, n=limit)


def read_table(path: Path, *, choose_columns: ColumnChoice | None = None, each: str = "poster") -> RawTable:
    """Read a table into a `RawTable`; every table that a user names is read here.

    Call :func:`table_faults` first and continue only if there are none.

    Args:
        path: CSV in any dialect and encoding, or Parquet.
        choose_columns: Maps the column names to the positions of the columns to read; None: all columns.
        each: What a row describes, for messages.

    Raises:
        InputError: The file is unreadable, is not a table, or contains no row.
    """
    try:
        table = _read_parquet(path, choose_columns) if path.suffix.lower() in PARQUET_SUFFIXES else _read_text(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from error
    if not table.names:
        raise InputError(f"{path}: the table is empty; it needs a header line and a row for each {each}")
    if choose_columns is not None and path.suffix.lower() not in PARQUET_SUFFIXES:
        at = choose_columns(table.names)
        table.names, table.columns = [table.names[i] for i in at], [table.columns[i] for i in at]
    if not table.rows:
        raise InputError(f"{path}: the table has a header and no rows; add a row for each {each}")
    for remark in table.remarks:
        _log.warning("%s: line %d %s", path, remark.row, remark.detail)
    return table


def _read_parquet(path: Path, choose_columns: ColumnChoice | None) -> RawTable:
    import pyarrow.parquet as pq

    try:
        names = [str(name).strip() for name in pq.read_schema(path).names]
    except OSError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); write it again, or save it as CSV") from error
    at = [i for i, name in enumerate(names) if not name.startswith("__index_level_")]
    at = choose_columns([names[i] for i in at]) if choose_columns is not None else at
    try:
        found = pq.ParquetFile(path)
        picked = found.read(columns=[found.schema_arrow.names[i] for i in at] if choose_columns is not None else None)
        # Keep integer columns with missing values as integers: as floats, large ids would be rounded.
        frame = picked.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    except OSError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); write it again, or save it as CSV") from error
    order = range(len(at)) if choose_columns is not None else at
    columns: list[Sequence[Any]] = [frame.iloc[:, i].array for i in order]
    return RawTable([names[i] for i in at], columns, range(2, len(frame) + 2))


def _read_text(path: Path) -> RawTable:
    text, remarks = _decode(path)
    before = csv.field_size_limit(max(len(text), 1))  # one cell may contain a long plot summary
    try:
        start, separator = _preamble(text)
        if start is None:
            return RawTable([], [], [])
        # The compiled parser of pandas drops the first separator after a lone carriage return.
        regular = '"' not in text and text.count("\r") == text.count("\r\n")
        table = _read_plain(text, start, separator) if regular else None
        if table is None:
            table = _read_quoted(path, _LINE.findall(text), start, separator)
    finally:
        csv.field_size_limit(before)
    table.remarks[:0] = remarks
    return table


def _preamble(text: str) -> tuple[int | None, str]:
    """Return the number of lines before the header (None: there is no header), and the separator."""
    separator = None
    for at, match in enumerate(_LINE.finditer(text)):
        line = match[0]
        if separator is None and (said := _SEPARATOR_LINE.fullmatch(line)):
            separator = "\t" if said[1] == "\\t" else said[1]
        elif line.strip(" \r\n\t,;|"):
            return at, separator or max(SEPARATORS, key=lambda mark: len(_parted(line, mark)))
    return None, separator or SEPARATORS[0]


def _read_plain(text: str, start: int, separator: str) -> RawTable | None:
    """Read text without quotes and lone carriage returns with the compiled parser of pandas; each line is a row.

    Returns:
        The table, or None if a row has more cells than the header (`_Reading` then reports it).
    """
    lines = text.count("\n") + (not text.endswith("\n"))
    header = next(match[0] for at, match in enumerate(_LINE.finditer(text)) if at == start)
    names = _names(_parted(header, separator))
    if lines == start + 1:
        return RawTable(names, [() for _ in names], [])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.BytesIO(text.encode()),
                sep=separator,
                header=None,
                names=list(range(len(names))),
                index_col=False,
                skiprows=start + 1,
                quoting=csv.QUOTE_NONE,
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,
                encoding="utf-8",
            )
    except (pd.errors.ParserWarning, ValueError):
        return None
    if len(frame) != lines - start - 1:
        return None
    filled = np.zeros(len(frame), dtype=np.bool_)
    for at in frame.columns:
        frame[at] = frame[at].fillna("").str.strip()
        filled |= (frame[at] != "").to_numpy(dtype=np.bool_)
    kept = np.flatnonzero(filled)
    frame = frame if len(kept) == len(frame) else frame.iloc[kept]
    return RawTable(names, [frame[at].array for at in frame.columns], kept + start + 2)


def _read_quoted(path: Path, lines: list[str], start: int, separator: str) -> RawTable:
    table, refused = None, None
    try:
        table = _Reading(path, lines, separator, quoted=True).read(start)
    except InputError as error:
        refused = error
    bad = [] if table is None else [problem for problem in table.problems if problem.kind in _QUOTE_KINDS]
    if separator in UNQUOTED and (bad or refused):
        reading = _Reading(path, lines, separator, quoted=False)
        unquoted = reading.read(start)
        if refused or reading.misfits < len(bad):
            line = bad[0].row if bad else next(i for i, text in enumerate(lines, 1) if '"' in text)
            detail = "holds a quote that is text: the table is read as one without quoting"
            fix = "leave it, or put quotes around cells and double those inside"
            unquoted.remarks.append(Problem(line, "", "", "no quoting", detail, fix))
            return unquoted
    if table is None:
        assert refused is not None
        raise refused
    return table


class _Reading:
    """One pass over the lines of a text table; every non-blank line becomes a row or a problem.

    Args:
        path: The table.
        lines: Its lines with their line ends.
        separator: The separator of cells.
        quoted: Whether to interpret quotes; False: a quote is an ordinary character.
    """

    def __init__(self, path: Path, lines: list[str], separator: str, *, quoted: bool) -> None:
        self.path, self.lines, self.separator, self.quoted = path, lines, separator, quoted
        self.misfits = 0
        """Number of rows whose cell count differs from the number of columns."""
        self.names: list[str] = []
        self._first = 0
        self._usual: dict[int, set[str]] | None = None
        self._known: dict[str, str] = {}

    def read(self, start: int) -> RawTable:
        """Read the header in line ``start`` (counted from 0) and all rows after it.

        Raises:
            InputError: A quote is not closed, or the header's quotes are broken.
        """
        rows: list[list[str]] = []
        numbers: list[int] = []
        problems: list[Problem] = []
        at, reader, begin = start, None, start
        while at < len(self.lines):
            if reader is None:
                reader, begin = self._reader(at), at
            error = None
            try:
                cells = [cell.strip() for cell in next(reader)]
            except csv.Error as found:
                cells, error = [], found
            stop = begin + reader.line_num
            if error is not None and ("unexpected end" in str(error) or not self.names):
                raise InputError(
                    f"{self.path}: the quote opened in line {at + 1} is not closed ({error}); close or double it"
                ) from error
            if error is None and not self.names and any(cells):
                self._check_header(at, stop)
                self.names, self._first = _names(cells), stop
            elif error is not None or any(cells):
                regular = len(cells) == len(self.names) and stop == at + 1
                problem = None if regular else self._problem(at, stop, cells, error)
                if problem is None:
                    short = len(self.names) - len(cells)
                    rows.append([*map(self._shared, cells[: len(self.names)]), *[""] * short])
                    numbers.append(at + 1)
                    self.misfits += short != 0
                else:
                    problems.append(problem)
                    self.misfits += 1
                    if stop > at + 1 and (problem.kind == "swallowed rows" or self._hides_rows(at + 1, stop)):
                        # The lines after the stray quote are separate rows: read them again.
                        stop, reader = at + 1, None
            at = stop
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in self.names]
        return RawTable(self.names, columns, numbers, problems)

    def _reader(self, at: int) -> Any:
        quoting: Any = csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE
        lines = map(self.lines.__getitem__, range(at, len(self.lines)))
        return csv.reader(lines, delimiter=self.separator, skipinitialspace=True, strict=True, quoting=quoting)

    def _shared(self, cell: str) -> str:
        """Return one shared object for equal short cells, to save memory: long tables repeat users and genres."""
        return self._known.setdefault(cell, cell) if len(cell) < 40 else cell

    def _problem(self, at: int, stop: int, cells: list[str], error: csv.Error | None) -> Problem | None:
        line, first, width = at + 1, cells[0] if cells else "", len(self.names)
        double = "double the quotes inside quoted text, and close quotes that open a cell"
        if error is not None:
            return Problem(line, "", "", "broken quotes", str(error), double)
        hidden = self._swallowed(cells) if stop > at + 1 else None
        if hidden is not None:
            detail = f"a quote that opens here closes in line {stop}; between them is what looks like a row ({hidden})"
            return Problem(line, "", first.partition("\n")[0][:60], "swallowed rows", detail, double)
        if len(cells) > width and any(cells[width:]):
            detail = f"{len(cells)} cells where the header has {width} ({self.separator.join(cells)[:60]})"
            fix = f"put quotes around text that holds {_spelt(self.separator)}"
            return Problem(line, "", first, "too many cells", detail, fix)
        if self.quoted and self.separator in UNQUOTED and len(cells) < width:
            apart = sum(self.lines[i].count(self.separator) for i in range(at, stop)) + 1
            if stop == at + 1 and apart == width:
                detail = f"{len(cells)} cells where the header has {width}: quotes hold several cells together"
                return Problem(line, "", first, "swallowed cells", detail, double)
        return None

    def _check_header(self, at: int, stop: int) -> None:
        width = len(_parted(self.lines[at], self.separator))
        if any(len(_parted(self.lines[i], self.separator)) >= max(width, 2) for i in range(at + 1, stop)):
            raise InputError(
                f"{self.path}: the quote opened in line {at + 1}, the header, closes in line {stop}, after lines that"
                " look like rows; close or double it"
            )

    def _swallowed(self, cells: list[str]) -> str | None:
        """Return text inside a multi-line cell that looks like another row; None if there is none.

        A cell that a stray quote opened contains the rest of its own row, whole rows, and the beginning of the row with
        the next stray quote.
        """
        for column, cell in enumerate(cells):
            held = _LINE.findall(cell)
            for number, line in enumerate(held):
                first, last = number == 0, number == len(held) - 1
                if len(held) == 1 or not line.strip():
                    continue
                inner = _parted(line, self.separator)
                offset = column if first else 0
                width = offset + len(inner) + (len(cells) - column - 1 if last else 0)
                if self._like_row(inner[1:] if first else inner, offset + first, width):
                    return f"{line.strip()[:60]!r}"
        return None

    def _hides_rows(self, start: int, stop: int) -> bool:
        parted = (_parted(self.lines[i], self.separator) for i in range(start, stop))
        return any(self._like_row(cells, 0, len(cells)) for cells in parted)

    def _like_row(self, cells: list[str], offset: int, width: int) -> bool:
        """Return whether cells look like part of a row: an identifier has the usual form of its column."""
        usual = self._usual_forms()
        forms = {at: cell_form(cells[at - offset]) for at in usual if 0 <= at - offset < len(cells)}
        known = {at: form for at, form in forms.items() if form}
        if width < 2 or not known:
            return False
        if any(form in ("file", "imdb") or (form == "code" and form in usual[at]) for at, form in known.items()):
            return True
        return width >= len(self.names) and all(form in usual[at] for at, form in known.items())

    def _usual_forms(self) -> dict[int, set[str]]:
        """Return, for each identifier column, the forms (see `cell_form`) of at least a tenth of its cells."""
        if self._usual is None:
            at = [i for i, name in enumerate(self.names) if normalise_name(name) in KEYS] or [0]
            counts: dict[int, Counter[str]] = {i: Counter() for i in at}
            reader = self._reader(self._first)
            while True:
                try:
                    cells = next(reader)
                except StopIteration:
                    break
                except csv.Error:
                    continue
                for i in at:
                    if i < len(cells) and not _BREAK.search(cells[i].strip()):
                        counts[i][cell_form(cells[i])] += 1
            self._usual = {
                i: {form for form, count in found.items() if form and 10 * count >= found.total()}
                for i, found in counts.items()
            }
        return self._usual


def _parted(line: str, separator: str) -> list[str]:
    """Split one line into cells, independent of quotes that other lines open or close."""
    text = line.rstrip("\r\n")
    if '"' not in text:
        return [cell.strip() for cell in text.split(separator)]
    if text.count('"') % 2:
        # An unpaired quote does not group cells in this line.
        return [cell.strip(' "') for cell in text.split(separator)]
    return [cell.strip() for cell in next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])]


def _names(cells: Sequence[str]) -> list[str]:
    return [cell or f"Unnamed: {i}" for i, cell in enumerate(cells)]


def _decode(path: Path) -> tuple[str, list[Problem]]:
    data = read_bytes(path, MOST_BYTES)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding), []
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: begins as {encoding}, yet {error.reason}; save it as UTF-8") from error
    if b"\0" in data:
        raise InputError(f"{path}: contains binary data, not text; save the table as UTF-8 CSV, or as .parquet")
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        try:
            text, name = data.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            text, name = data.decode("latin-1"), "Latin-1"
        detail = f"is not UTF-8 (byte 0x{data[error.start]:02x}): read as {name}"
        return text, [Problem(line, "", "", "encoding", detail, "save the table as UTF-8")]


def _spelt(separator: str) -> str:
    return "a tab" if separator == "\t" else f"`{separator}`"
