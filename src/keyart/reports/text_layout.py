"""Layout of small text in pictures: measuring, wrapping at words, shortening with an ellipsis."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from keyart.reports.theme import font_for
from keyart.utils.text import printable


@dataclass(frozen=True)
class Span:
    """A few words in one colour and weight.

    Attributes:
        text: The words; control characters, which stop the drawing, are made visible.
        colour: ``#rrggbb``.
        weight: Weight as for :func:`keyart.reports.theme.font_for`.
    """

    text: str
    colour: str
    weight: str = "regular"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


def text_width(text: str, size: int, weight: str = "regular") -> float:
    """Return the width of one line in pixels."""
    return font_for(text, size, weight).getlength(text)


def shorten(text: str, width: float, size: int, weight: str = "regular") -> str:
    """Return the text, shortened with an ellipsis if it is wider than ``width``; see `Span` on control characters.

    Examples:
        >>> shorten("Alien", 500, 14)
        'Alien'
        >>> shorten("The Assassination of Jesse James", 90, 14).endswith("…")
        True
    """
    text = printable(text)
    if text_width(text, size, weight) <= width:
        return text
    kept = text
    while kept and text_width(kept.rstrip(" ,.:;-") + "…", size, weight) > width:
        kept = kept[:-1]
    return kept.rstrip(" ,.:;-") + "…"


def wrap_spans(spans: Sequence[Span], width: float, size: int, lines: int, gap: str = "  ") -> list[list[Span]]:
    """Break spans into lines, never within a span; the last line ends with an ellipsis if the text does not fit.

    Args:
        spans: The spans in reading order.
        width: Width of a line in pixels.
        size: Type size in pixels.
        lines: Maximum number of lines.
        gap: Text between two spans of a line.
    """
    space = text_width(gap, size)
    rows: list[list[Span]] = [[]]
    used = 0.0
    for span in spans:
        need = text_width(span.text, size, span.weight)
        if rows[-1] and used + space + need > width:
            if len(rows) == lines:
                last = rows[-1].pop()
                room = width - used + text_width(last.text, size, last.weight)
                rows[-1].append(
                    Span(shorten(last.text + gap + span.text, room, size, last.weight), last.colour, last.weight)
                )
                return rows
            rows.append([])
            used = 0.0
        used += (space if rows[-1] else 0.0) + need
        rows[-1].append(Span(shorten(span.text, width, size, span.weight), span.colour, span.weight))
    return rows


def draw_line(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], spans: Sequence[Span], size: int, gap: str = "  "
) -> float:
    """Draw spans on one line with its baseline at ``at``; return the x position of its end."""
    x, baseline = at
    space = text_width(gap, size)
    for index, span in enumerate(spans):
        x += space if index else 0.0
        font = font_for(span.text, size, span.weight)
        pen.text((x, baseline), span.text, font=font, fill=span.colour, anchor="ls")
        x += font.getlength(span.text)
    return x
