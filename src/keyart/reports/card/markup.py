"""HTML fragments that several sections of the dataset card use."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from keyart.reports.neighbours import poster_name, year_text
from keyart.reports.poster_html import PosterImages
from keyart.reports.score_table import number
from keyart.utils.text import to_html

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue


def strip(
    catalogue: "Catalogue",
    positions: Iterable[int],
    images: PosterImages,
    note: Callable[[int], str] | None = None,
) -> str:
    """Build rows of ten posters, each with title, year and genres.

    Args:
        catalogue: The posters.
        positions: Positions of the posters to show.
        images: Images of these posters.
        note: Returns the first text below a poster's title, by position.
    """
    items = []
    for at in positions:
        parts = [year_text(catalogue, at), to_html(catalogue.genre_text(at))]
        shown = " · ".join(part for part in parts if part)
        items.append(poster(catalogue, at, images, f"{to_html(note(at))}<br>{shown}" if note is not None else shown))
    return shelf(items)


def shelf(items: Iterable[str], label: str = "Posters") -> str:
    """Build a list of posters; each item is the result of `poster`."""
    return f'<ol class="strip" tabindex="0" aria-label="{to_html(label)}">{"".join(items)}</ol>'


def poster(catalogue: "Catalogue", position: int, images: PosterImages, caption: str) -> str:
    """Build a poster with its title and a caption (HTML) below it."""
    name = to_html(poster_name(catalogue, position))
    return (
        f'<li><figure class="poster">{images.img(position)}<figcaption><b>{name}</b>'
        f'<span class="genres">{caption}</span></figcaption></figure></li>'
    )


def interval(one: Mapping[str, float | None]) -> str:
    """Format the ends of a mean's interval."""
    return f"{number(one['low'], 3)} to {number(one['high'], 3)}"


def percent(value: float | None) -> str:
    """Format a share as a percentage.

    Examples:
        >>> percent(0.4843), percent(None)
        ('48.4%', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.1%}"
