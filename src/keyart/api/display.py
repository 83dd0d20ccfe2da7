"""Display of results: in a notebook, in a window, or as HTML."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

SIZE = (112, 166)
"""Width and height of a poster in a notebook, in pixels."""


class Card(NamedTuple):
    """A poster with lines of text below it; without an image there is a grey frame."""

    image: "Path | Image.Image | None"
    lines: Sequence[str]


def strip_html(heading: str, cards: Sequence[Card]) -> str:
    """Return posters side by side as HTML that needs no style sheet."""
    from PIL import Image

    from keyart.reports.html import load_macros
    from keyart.reports.poster_frames import data_uri, frame_posters

    framed = iter(frame_posters([card.image for card in cards if isinstance(card.image, Path)], SIZE))
    figures = []
    for card in cards:
        image = next(framed) if isinstance(card.image, Path) else card.image or Image.new("RGB", SIZE, "#8a857d")
        figures.append((data_uri(image.resize(SIZE)), card.lines))
    return str(load_macros("notebook.html.j2").strip(heading, figures, SIZE))


def picture_html(picture: "Image.Image", alt: str) -> str:
    """Return a picture as an HTML element."""
    from keyart.reports.html import load_macros
    from keyart.reports.poster_frames import data_uri

    return str(load_macros("notebook.html.j2").picture(data_uri(picture, 90), alt))


def show(result: Any) -> None:
    """Display a picture or a result: in a notebook below the cell, elsewhere in the image viewer or as text."""
    from PIL import Image

    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        pass
    else:
        if get_ipython() is not None:
            display(result)
            return
    if isinstance(result, Image.Image):
        result.show()
    else:
        print(result)  # noqa: T201
