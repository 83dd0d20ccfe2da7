"""The gallery: query posters, each with its nearest neighbours and their genres, as one picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from keyart.reports.neighbours import NeighbourLists, genre_overlap, poster_name, shared_genres, year_text
from keyart.reports.poster_frames import Size, frame_posters
from keyart.reports.text_layout import Span, draw_line, shorten, text_width, wrap_spans
from keyart.reports.theme import LIGHT, Theme, font_for
from keyart.retrieval.random_pairs import percent
from keyart.utils.files import write_atomically

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

WIDE = "     "


@dataclass(frozen=True)
class Layout:
    """Sizes and distances of the gallery in pixels.

    Attributes:
        poster: Width and height of each poster.
        gap: Distance between neighbours.
        apart: Distance between the query poster and its neighbours.
        margin: Margin around the picture.
        head: Height of the heading.
        caption: Height of the text below a poster.
        between: Distance between two rows.
        line: Maximum number of neighbours per line.
    """

    poster: Size = (140, 208)
    gap: int = 14
    apart: int = 52
    margin: int = 44
    head: int = 136
    caption: int = 106
    between: int = 36
    line: int = 10

    def columns(self, neighbours: int) -> int:
        """Return the number of neighbours per line, at most ``line``, for lines of nearly equal length."""
        return -(-neighbours // self.lines(neighbours))

    def lines(self, neighbours: int) -> int:
        """Return the number of lines for the neighbours of one query poster."""
        return max(1, -(-neighbours // self.line))

    def width(self, columns: int) -> int:
        """Return the width of a gallery with ``columns`` neighbours per line."""
        neighbours = columns * self.poster[0] + max(columns - 1, 0) * self.gap
        return 2 * self.margin + self.poster[0] + (self.apart + neighbours if columns else 0)

    def height(self, rows: int) -> int:
        """Return the height of a gallery with ``rows`` lines."""
        return self.head + rows * (self.poster[1] + self.caption) + max(rows - 1, 0) * self.between + self.margin

    def left(self, column: int) -> int:
        """Return the left edge of a neighbour's poster."""
        return self.margin + self.poster[0] + self.apart + column * (self.poster[0] + self.gap)

    def top(self, row: int) -> int:
        """Return the upper edge of the posters of a line."""
        return self.head + row * (self.poster[1] + self.caption + self.between)


def draw_gallery(
    catalogue: "Catalogue",
    rows: NeighbourLists,
    *,
    title: str = "Nearest neighbours",
    note: str = "",
    theme: Theme = LIGHT,
    layout: Layout | None = None,
) -> Image.Image:
    """Draw query posters at the left, each followed by its neighbours in order.

    Below each poster are its title if known, its genres (those of the query in the accent colour), the cosine, the
    share of random pairs with a lower cosine, and a bar whose length is the overlap of the genre sets (Jaccard). If the
    genres of one of the two are unknown, there is no bar. Near-duplicates and other posters of the query's film have a
    label.

    Args:
        catalogue: The posters.
        rows: The query posters and their neighbours.
        title: Text of the heading.
        note: Text of the line below the heading.
        theme: Colours.
        layout: Sizes and distances.

    Returns:
        An RGB picture; the same inputs give the same pixels.
    """
    layout = layout or Layout()
    count = rows.neighbours.shape[1]
    columns, lines = layout.columns(count), layout.lines(count)
    picture = Image.new("RGB", (layout.width(columns), layout.height(len(rows) * lines)), theme.paper)
    paths = catalogue.paths
    shown = [int(i) for i in rows.shown]
    framed = dict(zip(shown, frame_posters([paths[i] for i in shown], layout.poster), strict=True))
    pen = ImageDraw.Draw(picture)
    _draw_heading(pen, layout, columns, title, note, bool(catalogue.genres[rows.queries].any()), theme)
    for row, query in enumerate(int(i) for i in rows.queries):
        top = layout.top(row * lines)
        _draw_driver(picture, pen, layout, top, framed[query], catalogue, query, theme)
        for column, other in enumerate(int(i) for i in rows.neighbours[row]):
            at = (layout.left(column % columns), layout.top(row * lines + column // columns))
            picture.paste(framed[other], at)
            _outline(pen, at, layout.poster, theme.rule)
            if rows.duplicate[row, column]:
                _mark(pen, at, layout.poster, "near-duplicate", theme)
            elif rows.same_film[row, column]:
                _mark(pen, at, layout.poster, "same film", theme)
            text = f"{rows.cosines[row, column]:.2f} · {percent(float(rows.closer_than[row, column]))}"
            _draw_caption(pen, layout, at, catalogue, query, other, text, theme)
    return picture


def write_png(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG atomically."""
    write_atomically(path, lambda file: picture.save(file, "PNG", compress_level=3))


def _draw_heading(
    pen: ImageDraw.ImageDraw, layout: Layout, columns: int, title: str, note: str, genres: bool, theme: Theme
) -> None:
    left, right = layout.margin, layout.width(columns) - layout.margin
    pen.text((left, 58), title, font=font_for(title, 32, "semibold"), fill=theme.ink, anchor="ls")
    legend = [Span("shared genre", theme.accent, "medium"), Span("other genre", theme.muted)] if genres else []
    legend += [Span("bar: overlap of the genres", theme.muted)] if genres else []
    legend += [Span("0.83 · 97%: cosine, closer than 97% of random pairs", theme.ink)]
    width = sum(text_width(span.text, 16, span.weight) for span in legend)
    width += (len(legend) - 1) * text_width(WIDE, 16)
    if right - left - width > 520:  # narrow galleries have no legend
        draw_line(pen, (right - width, 88), legend, 16, WIDE)
    else:
        width = 0
    cut = shorten(note, right - left - width - 30, 16)
    pen.text((left, 88), cut, font=font_for(cut, 16), fill=theme.muted, anchor="ls")
    for column in range(columns):
        at = (layout.left(column), layout.head - 11)
        pen.text(at, str(column + 1), font=font_for("1", 15), fill=theme.muted, anchor="ls")


def _draw_driver(
    picture: Image.Image,
    pen: ImageDraw.ImageDraw,
    layout: Layout,
    top: int,
    poster: Image.Image,
    catalogue: "Catalogue",
    query: int,
    theme: Theme,
) -> None:
    left, (width, height) = layout.margin, layout.poster
    picture.paste(poster, (left, top))
    _outline(pen, (left, top), layout.poster, theme.accent, 4)
    x = left + width + layout.apart // 2
    pen.line((x, top, x, top + height + layout.caption - 8), fill=theme.rule, width=1)
    _tab(pen, (left - 4, top - 4), "query", theme.accent, theme.paper)
    baseline = top + height + 12
    words = [Span(word, theme.ink, "semibold") for word in poster_name(catalogue, query).split()]
    for line in wrap_spans(words, width, 17, 2, " "):
        baseline += 23
        draw_line(pen, (left, baseline), line, 17, " ")
    genres = [Span(name, theme.accent, "medium") for name, _ in shared_genres(catalogue, query, query)]
    year = year_text(catalogue, query)
    spans = ([Span(year, theme.muted)] if year else []) + genres
    for line in wrap_spans(spans, width + 8, 16, 2):
        baseline += 22
        draw_line(pen, (left, baseline), line, 16)


def _draw_caption(
    pen: ImageDraw.ImageDraw,
    layout: Layout,
    at: tuple[int, int],
    catalogue: "Catalogue",
    query: int,
    other: int,
    label: str,
    theme: Theme,
) -> None:
    (left, top), (width, height) = at, layout.poster
    bar = width - text_width(label, 15) - 8
    y = top + height + 11
    overlap = genre_overlap(catalogue, query, other)
    if overlap is not None:
        pen.rectangle((left, y, left + bar, y + 2), fill=theme.rule)
    if overlap:
        pen.rectangle((left, y, left + bar * overlap, y + 2), fill=theme.accent)
    pen.text((left + width, y + 6), label, font=font_for(label, 15), fill=theme.ink, anchor="rs")
    baseline = y + 28
    name = shorten(poster_name(catalogue, other), width, 16, "medium")
    known = str(catalogue.titles[other]).strip() != ""
    pen.text(
        (left, baseline), name, font=font_for(name, 16, "medium"), fill=theme.ink if known else theme.muted, anchor="ls"
    )
    spans = [
        Span(name, theme.accent if shared else theme.muted, "medium" if shared else "regular")
        for name, shared in shared_genres(catalogue, query, other)
    ]
    for line in wrap_spans(spans, width + 2, 15, 2):
        baseline += 20
        draw_line(pen, (left, baseline), line, 15)


def _outline(pen: ImageDraw.ImageDraw, at: tuple[int, int], size: Sequence[int], colour: str, reach: int = 1) -> None:
    for out in range(1, reach + 1):
        pen.rectangle((at[0] - out, at[1] - out, at[0] + size[0] + out - 1, at[1] + size[1] + out - 1), outline=colour)


def _mark(pen: ImageDraw.ImageDraw, at: tuple[int, int], size: Size, text: str, theme: Theme) -> None:
    _outline(pen, at, size, theme.ink, 3)
    _tab(pen, (at[0] - 3, at[1] - 3), text, theme.ink, theme.paper)


def _tab(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, fill: str, colour: str) -> None:
    """Draw a label above the upper left corner of a frame, outside the artwork."""
    font = font_for(text, 15, "medium")
    left, foot = at
    pen.rectangle((left, foot - 21, left + font.getlength(text) + 13, foot), fill=fill)
    pen.text((left + 7, foot - 5), text, font=font, fill=colour, anchor="ls")
