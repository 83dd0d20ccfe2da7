"""Bars of what each kind of cue adds to the similarity of two posters."""

from collections.abc import Mapping

from PIL import ImageDraw

from keyart.reports.theme import Theme, font_for

ROW, SIZE = 23, 16
"""Height of a row and size of the type in pixels."""
LABEL, NUMBER = 76, 52
"""Width of the names before the bars, and of the numbers behind them."""


def draw_cue_bars(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], width: int, cues: Mapping[str, float], theme: Theme
) -> None:
    """Draw one bar a cue, to the right of a common zero if it raises the similarity, else to the left.

    Args:
        pen: Draws on the picture.
        at: (left, top) of the first row; the title is above it.
        width: Width with names and numbers.
        cues: What each cue adds, by name.
        theme: Colours.
    """
    (left, top), room = at, width - LABEL - NUMBER
    title = "kinds of cue: what each adds to a random pair’s cosine"
    pen.text((left, top - 12), title, font=font_for(title, SIZE, "medium"), fill=theme.ink, anchor="ls")
    low, high = min(0.0, *cues.values()), max(0.0, *cues.values())
    scale = room / max(high - low, 0.1)
    zero = left + LABEL - low * scale
    for row, (name, value) in enumerate(cues.items()):
        y = top + ROW * row
        pen.text((left, y + 14), name, font=font_for(name, SIZE), fill=theme.ink, anchor="ls")
        ends = sorted((zero, zero + value * scale))
        pen.rectangle((ends[0], y + 3, ends[1], y + 14), fill=theme.accent if value > 0 else theme.frozen)
        text = f"{value:+.2f}".replace("-", "−")
        pen.text((left + width, y + 14), text, font=font_for(text, SIZE), fill=theme.muted, anchor="rs")
    pen.line((zero, top, zero, top + ROW * len(cues) - 5), fill=theme.muted, width=1)
