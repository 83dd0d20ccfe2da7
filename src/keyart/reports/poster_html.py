"""Posters for the templates of pages: their images, encoded once, and their metadata."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from keyart.reports.contrasting_pairs import Pair
from keyart.reports.neighbours import describe, genre_overlap, poster_name, shared_genres, year_text
from keyart.reports.numbers import number
from keyart.reports.poster_frames import data_uri, frame_posters
from keyart.retrieval.random_pairs import percent
from keyart.utils.text import Markup

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

SMALL = (160, 238)
LARGE = (220, 327)


class PosterImages:
    """Posters of a page; each file is read and encoded once.

    Args:
        catalogue: The posters.
        positions: Positions of the posters that are needed.
        size: Width and height in pixels.
    """

    def __init__(self, catalogue: "Catalogue", positions: Iterable[int], size: tuple[int, int] = SMALL) -> None:
        self.catalogue, self.size = catalogue, size
        shown = sorted({int(position) for position in positions})
        paths = catalogue.paths
        framed = frame_posters([paths[i] for i in shown], size)
        self._uris = {position: Markup(data_uri(image)) for position, image in zip(shown, framed, strict=True)}

    def uri(self, position: int) -> Markup:
        """Return the image of one poster as a ``data:`` URI."""
        return self._uris[int(position)]

    def name(self, position: int) -> str:
        """Return the title of a poster, or its id."""
        return poster_name(self.catalogue, int(position))

    def year(self, position: int) -> str:
        """Return the year of a poster; empty if unknown."""
        return year_text(self.catalogue, int(position))

    def describe(self, position: int) -> str:
        """Return title, year and genres of a poster, as alternative text."""
        return describe(self.catalogue, int(position))

    def genre_text(self, position: int) -> str:
        """Return the genres of a poster in one line."""
        return self.catalogue.genre_text(int(position))

    def shared_genres(self, query: int, other: int) -> list[tuple[str, bool]]:
        """Return the genres of ``other``, each with whether ``query`` has it too."""
        return shared_genres(self.catalogue, int(query), int(other))

    def overlap(self, query: int, other: int) -> float | None:
        """Return the overlap of the genre sets of two posters; None if unknown."""
        return genre_overlap(self.catalogue, int(query), int(other))


def cosine_text(pair: Pair) -> str:
    """Describe a pair's cosine and its percentile among random pairs."""
    return f"cosine {number(pair.cosine, 2)}, closer than {percent(pair.closer_than)} of random pairs"
