"""Posters as HTML: gallery rows, and pairs whose genres and look disagree."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from keyart.reports.contrasting_pairs import Pair
from keyart.reports.neighbours import Neighbourhoods, describe, genre_overlap, poster_name, shared_genres, year_text
from keyart.reports.poster_frames import data_uri, frame_posters
from keyart.reports.score_table import number
from keyart.retrieval.random_pairs import percent
from keyart.utils.text import to_html

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

SMALL = (160, 238)
LARGE = (220, 327)


class PosterImages:
    """``<img>`` elements of posters; each file is read and encoded once per size.

    Args:
        catalogue: The posters.
        positions: Positions of the posters that are needed.
        size: Width and height in pixels.
    """

    def __init__(self, catalogue: "Catalogue", positions: Iterable[int], size: tuple[int, int] = SMALL) -> None:
        self.catalogue, self.size = catalogue, size
        wanted = sorted({int(position) for position in positions})
        paths = catalogue.paths
        framed: list[Image.Image] = frame_posters([paths[i] for i in wanted], size)
        self._uris = {position: data_uri(image) for position, image in zip(wanted, framed, strict=True)}

    def img(self, position: int) -> str:
        """Return the element of one poster, with title, year and genres as alternative text."""
        alt = to_html(describe(self.catalogue, position))
        width, height = self.size
        return f'<img src="{self._uris[position]}" width="{width}" height="{height}" alt="{alt}" decoding="async">'


def gallery_rows(
    catalogue: "Catalogue", rows: Neighbourhoods, images: PosterImages, frozen: Neighbourhoods | None = None
) -> str:
    """Build the gallery: one article per query poster, with its neighbours as an ordered list.

    Args:
        catalogue: The posters.
        rows: Query posters and their neighbours.
        images: Images of every poster that occurs.
        frozen: The same query posters with the frozen backbone's neighbours, as a collapsed section.
    """
    articles = []
    for row, query in enumerate(int(i) for i in rows.queries):
        name = poster_name(catalogue, query)
        other = ""
        if frozen is not None:
            both = len(set(rows.neighbours[row].tolist()) & set(frozen.neighbours[row].tolist()))
            other = (
                f"<details><summary>The frozen backbone’s neighbours ({both} of {rows.neighbours.shape[1]} the same)"
                f"</summary>{_strip(catalogue, frozen, row, images)}</details>"
            )
        articles.append(
            f'<article class="row" aria-label="{to_html(name)} and its neighbours">{_driver(catalogue, query, images)}'
            f"{_strip(catalogue, rows, row, images)}{other}</article>"
        )
    return "\n".join(articles)


def pair_cards(catalogue: "Catalogue", pairs: Sequence[Pair], images: PosterImages) -> str:
    """Build a list of pairs, each with its two posters side by side."""
    cards = []
    for pair in pairs:
        sides = "".join(
            f'<figure class="poster">{images.img(at)}<figcaption>{_name(catalogue, at)}'
            f"{_genres(catalogue, other, at)}</figcaption></figure>"
            for at, other in ((pair.first, pair.second), (pair.second, pair.first))
        )
        cards.append(f'<li><div class="pair">{sides}</div><p class="cosine">{cosine_text(pair)}</p></li>')
    return f'<ul class="pairs">{"".join(cards)}</ul>'


def cosine_text(pair: Pair) -> str:
    """Describe a pair's cosine and its percentile among random pairs."""
    return f"cosine {number(pair.cosine, 2)}, closer than {percent(pair.closer_than)} of random pairs"


def _driver(catalogue: "Catalogue", query: int, images: PosterImages) -> str:
    year = year_text(catalogue, query)
    told = f"{year} " if year else ""
    return (
        f'<figure class="poster driver"><div>{images.img(query)}<span class="tab">query</span></div>'
        f'<figcaption>{_name(catalogue, query)}<span class="genres">{told}</span>{_genres(catalogue, query, query)}'
        "</figcaption></figure>"
    )


def _strip(catalogue: "Catalogue", rows: Neighbourhoods, row: int, images: PosterImages) -> str:
    query = int(rows.queries[row])
    items = []
    for column, other in enumerate(int(i) for i in rows.neighbours[row]):
        mark = "near-duplicate" if rows.duplicate[row, column] else "same film" if rows.same_film[row, column] else ""
        tab = f'<span class="tab">{mark}</span>' if mark else ""
        cosine = number(float(rows.cosines[row, column]), 2)
        share = percent(float(rows.closer_than[row, column]))
        overlap = genre_overlap(catalogue, query, other)
        bar = "" if overlap is None else f'<i><span style="width:{overlap:.0%}"></span></i>'
        items.append(
            f'<li><figure class="poster{" marked" if mark else ""}">{images.img(other)}{tab}<figcaption>'
            f'<span class="measure" title="cosine {cosine}, closer than {share} of random pairs">{bar}{cosine}'
            f" · {share}</span>"
            f"{_name(catalogue, other)}{_genres(catalogue, query, other)}</figcaption></figure></li>"
        )
    return f'<ol class="strip" tabindex="0" aria-label="Nearest first">{"".join(items)}</ol>'


def _name(catalogue: "Catalogue", position: int) -> str:
    return f"<b>{to_html(poster_name(catalogue, position))}</b>"


def _genres(catalogue: "Catalogue", query: int, other: int) -> str:
    """Build the list of genres of ``other``, with those of ``query`` emphasised."""
    names = [
        f"<em>{to_html(name)}</em>" if shared else f"<span>{to_html(name)}</span>"
        for name, shared in shared_genres(catalogue, query, other)
    ]
    return f'<span class="genres">{", ".join(names)}</span>'
