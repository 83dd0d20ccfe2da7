"""Safe output of text from users: terminal, HTML, JSON and CSV.

A title, genre, file name, run name or swept value may contain anything: Rich markup, HTML, a spreadsheet formula or an
escape sequence. All output of keyart passes through this module: `terminal`, `echo`, `printable` and `to_json` for
terminals, `csv_cell` and `csv_table` for files that a spreadsheet may open. The templates of `keyart.reports.html`
escape what pages show.
"""

import io
import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

from markupsafe import Markup

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = [
    "Markup",
    "PrintableFormatter",
    "csv_cell",
    "csv_table",
    "echo",
    "from_csv_cell",
    "prepare_streams",
    "printable",
    "terminal",
    "to_json",
]

# Control characters, Unicode line separators, overrides of the writing direction, and unpaired surrogates. The last
# cannot be encoded; Python uses them for file names that are not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_JSON_LEAVES = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Spreadsheets interpret text with such a beginning as a formula; East Asian keyboards write the wide forms.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def printable(text: object, keep: str = "") -> str:
    r"""Make control characters in a text visible instead of active.

    Args:
        text: Any object; it is converted with ``str``.
        keep: Control characters to keep, such as a line end.

    Returns:
        One line (unless line ends are kept) that can be encoded as UTF-8. White space becomes a space; any other
        character that acts on a terminal becomes its escape sequence.

    Examples:
        >>> printable("Alien\n\x1b[2J")
        'Alien \\x1b[2J'
    """

    def shown(match: re.Match[str]) -> str:
        character = match.group(0)
        if character in keep:
            return character
        return " " if character.isspace() else character.encode("unicode_escape", "surrogatepass").decode("ascii")

    return _UNPRINTABLE.sub(shown, str(text))


def csv_cell(value: Any) -> Any:
    """Escape a CSV cell: text that a spreadsheet would run as a formula gets a leading ``'``.

    Numbers, including numbers written as text, stay unchanged. `from_csv_cell` is the inverse.

    Examples:
        >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell(-0.5), csv_cell("Alien")
        ("'=1+1", '-0.5', -0.5, 'Alien')
    """
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def from_csv_cell(value: Any) -> Any:
    """Return the original value of a cell that `csv_cell` wrote.

    Examples:
        >>> from_csv_cell("'=1+1"), from_csv_cell("'tis")
        ('=1+1', "'tis")
    """
    if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value):
        return value[1:]
    return value


def csv_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Apply `csv_cell` to all column names and cells of a table."""
    return table.map(csv_cell).rename(columns=csv_cell)


def to_json(content: Any) -> str:
    """Convert to readable JSON for standard output, without characters that act on a terminal.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return _JSON_LEAVES.sub(lambda match: f"\\u{ord(match.group(0)):04x}", text)


def echo(text: object, *, err: bool = False) -> None:
    """Print one line of safe text on standard output, or on standard error."""
    (sys.stderr if err else sys.stdout).write(printable(text) + "\n")


def prepare_streams() -> None:
    """Make standard output and standard error usable: open, and in any encoding.

    A closed one is replaced by the null device, so that no other file gets its number. Characters that the terminal's
    encoding does not have are written as escape sequences. A log that cannot be written is not reported on.
    """
    logging.raiseExceptions = False
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_WRONLY)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def terminal(file: TextIO | None = None, *, stderr: bool = False, width: int | None = None) -> "Console":
    """Create a Rich console for plain text: no markup, emoji codes, control characters or automatic highlighting.

    Args:
        file: Output stream; by default standard output.
        stderr: Whether to write to standard error instead.
        width: Width in columns; by default the terminal's width.
    """
    from rich.console import Console
    from rich.text import Text

    class Terminal(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text, keep="\n\t"), **options)

    return Terminal(file=file, stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


class PrintableFormatter(logging.Formatter):
    """Log formatter that escapes characters that act on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; keep line ends, because tracebacks contain them."""
        return printable(super().format(record), keep="\n\t")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
