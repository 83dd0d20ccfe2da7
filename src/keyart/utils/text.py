"""Text from users' tables, files and command lines, safe for each place where it is shown.

A title, genre, file name, run name or swept value may hold anything: Rich markup, HTML, a spreadsheet formula, an
escape sequence. Whatever leaves keyart passes through here: `terminal`, `echo`, `printable` and `to_json` for what
people read on a terminal, `to_html` for pages, `csv_cell` and `csv_table` for files that a spreadsheet may open.
"""

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, TextIO

import markupsafe
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
    "printable",
    "terminal",
    "to_html",
    "to_json",
]

# Control characters; line ends that are none in a file; overrides of the direction of writing; lone halves of
# surrogate pairs, which cannot be encoded (Python reads file names that are no UTF-8 so).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_JSON_LEAVES = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Spreadsheets take what begins so for a formula; the wide forms are those of East Asian keyboards.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def printable(text: object, keep: str = "") -> str:
    r"""Text in which control characters are visible instead of active.

    Args:
        text: Anything; its ``str`` is taken.
        keep: Control characters that stay as they are, such as a line end.

    Returns:
        One line (unless line ends are kept) that can be encoded as UTF-8. White space stays white space, everything
        else that acts on a terminal becomes its escape.

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


def to_html(text: object) -> str:
    """Text as HTML, for content and quoted attributes; `Markup`, which is HTML already, passes unchanged.

    Examples:
        >>> to_html("<b>Se7en</b>"), to_html(Markup("<b>1</b>"))
        ('&lt;b&gt;Se7en&lt;/b&gt;', '<b>1</b>')
    """
    return str(markupsafe.escape(text if isinstance(text, Markup) else printable(text, keep="\n\t")))


def csv_cell(value: Any) -> Any:
    """A cell for a CSV file that a spreadsheet may open: text that it would run as a formula gets a ``'`` in front.

    Numbers, also those written as text, stay as they are. `from_csv_cell` is the inverse.

    Examples:
        >>> csv_cell("=1+1"), csv_cell("-0.5"), csv_cell(-0.5), csv_cell("Alien")
        ("'=1+1", '-0.5', -0.5, 'Alien')
    """
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def from_csv_cell(value: Any) -> Any:
    """The value that `csv_cell` wrote.

    Examples:
        >>> from_csv_cell("'=1+1"), from_csv_cell("'tis")
        ('=1+1', "'tis")
    """
    if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value):
        return value[1:]
    return value


def csv_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """A table whose names and cells are all `csv_cell`."""
    return table.map(csv_cell).rename(columns=csv_cell)


def to_json(content: Any) -> str:
    """JSON for standard output: readable, and without a character that acts on a terminal.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    return _JSON_LEAVES.sub(lambda match: f"\\u{ord(match.group(0)):04x}", text)


def echo(text: object, *, err: bool = False) -> None:
    """Print one line of text on standard output, or on standard error."""
    (sys.stderr if err else sys.stdout).write(printable(text) + "\n")


def terminal(file: TextIO | None = None, *, stderr: bool = False, width: int | None = None) -> "Console":
    """A Rich console for which text is text: no markup, no emoji codes, no control characters, no guessed colours.

    Args:
        file: Where to; by default standard output.
        stderr: Standard error instead.
        width: In columns; by default the terminal's own.
    """
    from rich.console import Console
    from rich.text import Text

    class Terminal(Console):
        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text, keep="\n\t"), **options)

    return Terminal(file=file, stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


class PrintableFormatter(logging.Formatter):
    """Formats log records without characters that act on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; line ends stay, as tracebacks have them."""
        return printable(super().format(record), keep="\n\t")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
