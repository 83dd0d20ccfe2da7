"""Pictures of posters in rows with headings and captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from keyart.reports.poster_frames import frame_posters
from keyart.reports.text_layout import Span, draw_line, shorten, wrap_spans
from keyart.reports.theme import LIGHT, Theme, font_for

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

POSTER = (132, 196)
GAP = 16
MARGIN = 40
HEAD = 44
CAPTION = 84
COLUMNS = 10


@dataclass(frozen=True)
class SheetPoster:
    """One poster of a sheet.

    Attributes:
        position: Position in the catalogue.
        title: Text of the line below the poster.
        notes: Short texts below the title, wrapped onto two lines.
        accent: Number of first notes in the accent colour.
    """

    position: int
    title: str
    notes: tuple[str, ...] = ()
    accent: int = 0


@dataclass(frozen=True)
class SheetRow:
    """A heading and the posters below it."""

    heading: str
    posters: Sequence[SheetPoster]


def draw_sheet(catalogue: "Catalogue", rows: Sequence[SheetRow], theme: Theme = LIGHT) -> Image.Image:
    """Draw rows one below the other, with at most ten posters per line."""
    rows = [row for row in rows if row.posters]
    columns = min(COLUMNS, max((len(row.posters) for row in rows), default=1))
    columns = max(columns, 4)
    line = POSTER[1] + CAPTION
    heights = [HEAD + -(-len(row.posters) // columns) * line for row in rows]
    width = 2 * MARGIN + columns * POSTER[0] + (columns - 1) * GAP
    picture = Image.new("RGB", (width, 2 * MARGIN + sum(heights)), theme.paper)
    pen = ImageDraw.Draw(picture)
    top = MARGIN
    paths = catalogue.paths
    for row, height in zip(rows, heights, strict=True):
        heading = shorten(row.heading, width - 2 * MARGIN, 22, "medium")
        pen.text((MARGIN, top + 22), heading, font=font_for(heading, 22, "medium"), fill=theme.ink, anchor="ls")
        framed = frame_posters([paths[poster.position] for poster in row.posters], POSTER)
        for i, (poster, image) in enumerate(zip(row.posters, framed, strict=True)):
            left = MARGIN + i % columns * (POSTER[0] + GAP)
            above = top + HEAD + i // columns * line
            picture.paste(image, (left, above))
            pen.rectangle((left - 1, above - 1, left + POSTER[0], above + POSTER[1]), outline=theme.rule)
            _caption(pen, (left, above + POSTER[1]), poster, theme)
        top += height
    return picture


def _caption(pen: ImageDraw.ImageDraw, at: tuple[int, int], poster: SheetPoster, theme: Theme) -> None:
    left, baseline = at[0], at[1] + 20
    draw_line(pen, (left, baseline), [Span(shorten(poster.title, POSTER[0], 15, "medium"), theme.ink, "medium")], 15)
    spans = [
        Span(note, theme.accent if i < poster.accent else theme.muted, "medium" if i < poster.accent else "regular")
        for i, note in enumerate(poster.notes)
    ]
    for row in wrap_spans(spans, POSTER[0] + 6, 14, 2):
        baseline += 18
        draw_line(pen, (left, baseline), row, 14)
