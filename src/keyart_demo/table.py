"""The tables beside the demo posters: which films there are, and which of them have a second artwork."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from keyart.utils.files import write_text
from keyart_demo.films import Film, draw_film, draws
from keyart_demo.words import FRANCHISES

COLUMNS = ("img", "genres", "id", "film", "title", "year", "era_style", "franchise", "looks", "art")


def poster_name(number: int) -> str:
    """File name of a poster.

    Examples:
        >>> poster_name(7)
        'demo00007.jpg'
    """
    return f"demo{number:05d}.jpg"


def other_name(number: int) -> str:
    """File name of the second artwork for a poster's film."""
    return f"demo{number:05d}_other.jpg"


def row(film: Film) -> dict[str, str]:
    """One line of `catalogue.csv`; ``looks`` are the genres that were drawn, ``genres`` the noisy labels of them."""
    return {
        "img": poster_name(film.number),
        "genres": ",".join(film.genres),
        "id": f"demo{film.number:05d}",
        "film": f"film{film.film:05d}",
        "title": film.title,
        "year": str(film.year),
        "era_style": film.era,
        "franchise": FRANCHISES[film.franchise] if film.franchise >= 0 else "",
        "looks": ",".join(sorted(film.looks)),
        "art": film.reissue or "first",
    }


def choose_pairs(seed: int, n: int, pairs: int) -> list[tuple[int, str]]:
    """Which posters get a second artwork, and of which kind (``other`` or ``recut``), in order of their numbers.

    Re-issues get none, so there are at most as many as there are films. Which posters come first does not depend on
    ``n``: each has a fixed place in the queue.

    Examples:
        >>> len(choose_pairs(0, 50, 10)), choose_pairs(0, 50, 0)
        (10, [])
    """
    queue = []
    for number in range(n):
        rng = draws(seed, number, "pair")
        place, kind = rng.random(), "other" if rng.random() < 0.5 else "recut"
        if not draw_film(seed, number).reissue:
            queue.append((place, number, kind))
    return sorted((number, kind) for _, number, kind in sorted(queue)[:pairs])


def write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, str]]) -> None:
    """Write a CSV file in UTF-8 with Unix line ends."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
