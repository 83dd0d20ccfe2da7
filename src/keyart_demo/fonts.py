"""Typefaces: free fonts from the ``fontpkg`` packages, opened once a process."""

from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

import fontpkg
from PIL import ImageFont

from keyart.errors import InputError


@dataclass(frozen=True)
class Face:
    """One typeface in one cut.

    Attributes:
        family: The family's name as its package knows it.
        weight: 400 is regular, 700 bold; only variable fonts have more than one.
        case: ``upper``, ``title`` or ``lower``.
        tracking: Usual letter spacing in ems.
        script: Letters join: they are never spaced or turned one by one.
        style: ``normal`` or ``italic``.
        stretch: Horizontal scaling.
    """

    family: str
    weight: int = 400
    case: str = "upper"
    tracking: float = 0.0
    script: bool = False
    style: str = "normal"
    stretch: float = 1.0


FACES: dict[str, Face] = {
    "abril": Face("Abril Fatface", case="title"),
    "alfa": Face("Alfa Slab One", tracking=0.02),
    "anton": Face("Anton", tracking=0.01),
    "bebas": Face("Bebas Neue", tracking=0.06),
    "black-ops": Face("Black Ops One", tracking=0.01),
    "cinzel": Face("Cinzel", weight=600, tracking=0.07),
    "cormorant": Face("Cormorant Garamond", weight=600, case="title", tracking=0.02),
    "gravitas": Face("Gravitas One"),
    "josefin": Face("Josefin Sans", weight=300, tracking=0.22),
    "josefin-bold": Face("Josefin Sans", weight=700, tracking=0.08),
    "league": Face("League Spartan", weight=800, tracking=-0.01),
    "lobster": Face("Lobster", case="title", script=True),
    "luckiest": Face("Luckiest Guy", tracking=0.01),
    "marcellus": Face("Marcellus", tracking=0.12),
    "marker": Face("Permanent Marker"),
    "mono": Face("Space Mono", weight=700, tracking=-0.03),
    "orbitron": Face("Orbitron", weight=800, tracking=0.1),
    "oswald": Face("Oswald", weight=600, tracking=0.03),
    "playfair": Face("Playfair Display", weight=700, case="title"),
    "playfair-italic": Face("Playfair Display", weight=500, case="title", style="italic"),
    "righteous": Face("Righteous", tracking=0.03),
    "titan": Face("Titan One", case="title"),
    "unbounded": Face("Unbounded", weight=700, case="lower", tracking=0.0),
    "yellowtail": Face("Yellowtail", case="title", script=True),
    "small": Face("Oswald", weight=400, tracking=0.05),
    "small-wide": Face("Josefin Sans", weight=600, tracking=0.18),
    "small-serif": Face("Cinzel", weight=600, tracking=0.1),
}


@lru_cache(maxsize=512)
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """The face at ``size`` pixels an em.

    Raises:
        InputError: If the font's package is not installed.
    """
    try:
        path = fontpkg.path(face.family, weight=face.weight, style=face.style, nearest=True)
    except fontpkg.FontpkgError as error:
        raise InputError(f"demo posters need the font {face.family!r}: pip install -e '.[demo]'") from error
    opened = ImageFont.truetype(str(path), size)
    if "wght" in path.name:
        opened.set_variation_by_axes([face.weight])
    return opened


def font_versions() -> dict[str, str]:
    """The installed version of each font's package, for the cache's key."""
    names = sorted({"fontpkg-" + face.family.lower().replace(" ", "-") for face in FACES.values()})
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError as error:
            raise InputError(f"demo posters need the font package {name!r}: pip install -e '.[demo]'") from error
    return found
