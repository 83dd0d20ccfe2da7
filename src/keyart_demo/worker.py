"""Draws a share of the posters: ``python -m keyart_demo.worker``, the share as JSON on standard input.

The shares are run as programs of their own rather than through `multiprocessing`: that would either fork a process
that may hold torch's threads, or run the caller's main module again.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from keyart_demo.compose import poster
from keyart_demo.films import draw_film
from keyart_demo.table import other_name, poster_name

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Share:
    """Posters that one process draws.

    Attributes:
        folder: Where `posters/` and `other_art/` are.
        seed: The catalogue's seed.
        size: Width and height in pixels.
        jobs: Number of the poster and artwork: ``""`` for the poster itself, else the kind of its second artwork.
    """

    folder: str
    seed: int
    size: tuple[int, int]
    jobs: list[tuple[int, str]]

    def to_json(self) -> str:
        """The share as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Share":
        """What `to_json` wrote."""
        read = json.loads(text)
        return cls(
            read["folder"], read["seed"], (read["size"][0], read["size"][1]), [(n, art) for n, art in read["jobs"]]
        )


def draw(share: Share) -> Iterator[int]:
    """Draw and save each poster of the share; yields its number when it is on disk."""
    folder = Path(share.folder)
    for number, art in share.jobs:
        film = draw_film(share.seed, number)
        image = poster(film, share.seed, share.size, art or film.reissue)
        path = folder / "other_art" / other_name(number) if art else folder / "posters" / poster_name(number)
        image.save(path, quality=JPEG_QUALITY)
        yield number


def main() -> None:
    """Draw the share on standard input; one line on standard output for each poster done."""
    for number in draw(Share.from_json(sys.stdin.readline())):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
