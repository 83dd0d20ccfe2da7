"""Raw tables: CSV in whatever dialect and encoding, and Parquet, as named columns of cells with line numbers."""

import codecs
import csv
import difflib
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from keyart.catalogue.problems import Problem
from keyart.errors import InputError

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
SEPARATORS = (",", "\t", ";", "|")

_log = logging.getLogger(__name__)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass
class RawTable:
    """Cells as they stand in the file.

    Attributes:
        names: The column names, without surrounding space.
        columns: For each name its cells: stripped text from CSV, any value from Parquet.
        lines: The line number of each row, as in :class:`Problem`.
        problems: Rows that could not be parted into cells, already left out.
    """

    names: list[str]
    columns: list[Sequence[Any]]
    lines: list[int]
    problems: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)


def table_faults(path: Path) -> list[str]:
    """What keeps ``path`` from being read as a table, before it is opened."""
    if not path.exists():
        near = near_files(path)
        hint = f"; near it: {', '.join(near)}" if near else ""
        return [f"{path}: no such table{hint}; name a CSV or Parquet file (data.catalogue or --catalogue)"]
    if not path.is_file():
        return [f"{path}: not a file; name a CSV or Parquet table (data.catalogue or --catalogue)"]
    if path.suffix.lower() not in (*TEXT_SUFFIXES, *PARQUET_SUFFIXES):
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES))
        return [f"{path}: unsupported suffix {path.suffix or '(none)'!r}; save the table as one of {known}"]
    return []


def near_files(path: Path, limit: int = 3) -> list[str]:
    """Names beside ``path`` that look like its own."""
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []
    return difflib.get_close_matches(path.name, beside, n=limit)


def read_table(path: Path) -> RawTable:
    """Read a table whose :func:`table_faults` are none.

    Raises:
        InputError: When the file cannot be read, is no table, or holds no row.
    """
    try:
        table = _read_parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else _read_text(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its rights"
        ) from error
    if not table.names:
        raise InputError(f"{path}: the table is empty; it needs a header line and a row for each poster")
    if not len(table) and not table.problems:
        raise InputError(f"{path}: the table has a header and no rows; add a row for each poster")
    return table


def _read_parquet(path: Path) -> RawTable:
    try:
        frame = pd.read_parquet(path)
    except OSError:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); write it again, or save it as CSV") from error
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    columns: list[Sequence[Any]] = [list(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return RawTable([str(name).strip() for name in frame.columns], columns, list(range(2, len(frame) + 2)))


def _read_text(path: Path) -> RawTable:
    text = _decode(path)
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    before = csv.field_size_limit(max(len(text), 1))  # a whole plot summary may stand in one cell
    try:
        return _read_rows(path, reader, separator)
    finally:
        csv.field_size_limit(before)


def _read_rows(path: Path, reader: Any, separator: str) -> RawTable:
    names: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    problems: list[Problem] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            if "unexpected end" in str(error) or not names:
                raise InputError(
                    f"{path}: the quote opened in line {line} is not closed ({error}); close or double it"
                ) from error
            problems.append(Problem(line, "", "", "broken quotes", str(error), "double the quotes inside quoted text"))
            continue
        if not any(cells):
            continue
        if not names:
            names = [cell or f"Unnamed: {i}" for i, cell in enumerate(cells)]
            continue
        if len(cells) > len(names) and any(cells[len(names) :]):
            detail = f"{len(cells)} cells where the header has {len(names)} ({separator.join(cells)[:60]})"
            mend = f"put quotes around text that holds {_spelt(separator)}"
            problems.append(Problem(line, "", cells[0], "too many cells", detail, mend))
            continue
        rows.append((cells + [""] * (len(names) - len(cells)))[: len(names)])
        lines.append(line)
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return RawTable(names, columns, lines, problems)


def _decode(path: Path) -> str:
    data = path.read_bytes()
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: begins as {encoding}, yet {error.reason}; save it as UTF-8") from error
    if b"\0" in data:
        raise InputError(f"{path}: holds binary data, no text; save the table as UTF-8 CSV, or as .parquet")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        try:
            text, name = data.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            text, name = data.decode("latin-1"), "Latin-1"
        _log.warning("%s: line %d is not UTF-8 (byte 0x%02x): read as %s", path, line, data[error.start], name)
        return text


def _separator(text: str) -> str:
    """The separator that parts the header into most cells; the first of ``SEPARATORS`` among equals."""
    header = next((line for line in text.splitlines() if line.strip(" \t,;|")), "")

    def cells(separator: str) -> int:
        return len(next(csv.reader([header], delimiter=separator, skipinitialspace=True), []))

    return max(SEPARATORS, key=cells)


def _spelt(separator: str) -> str:
    return "a tab" if separator == "\t" else f"`{separator}`"
