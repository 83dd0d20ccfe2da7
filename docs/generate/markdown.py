"""Small pieces of Markdown."""

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    """Escape what Markdown would read as HTML, outside of inline code."""
    return "".join(part if at % 2 else part.replace("<", "\\<") for at, part in enumerate(re.split(r"(`[^`]*`)", text)))


def literal(text: str) -> str:
    """Escape what Markdown would read as emphasis or a link, outside of inline code: for text that is not Markdown."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if at % 2 else re.sub(r"([\\*_\[\]])", r"\\\1", part) for at, part in enumerate(parts))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; bars and angle brackets in its cells are escaped."""
    lines = [headings, ["---"] * len(headings), *([plain(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def code(value: object) -> str:
    """Return a value as inline code; an en dash for nothing."""
    return "–" if value is None or value == "" else f"`{value}`"


def section(title: str, *paragraphs: str, level: int = 2) -> str:
    """Return a section of some paragraphs; empty ones are left out."""
    return "\n\n".join([f"{'#' * level} {title}", *(text.strip() for text in paragraphs if text.strip())]) + "\n\n"
