"""Colours and typefaces of the report's style sheet, its charts and the gallery."""

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from fontpkg import path as font_path
from fontTools.ttLib import TTFont
from PIL import ImageFont

DISPLAY = "Oswald"
WEIGHTS = {"light": 300, "regular": 400, "medium": 500, "semibold": 600}


@dataclass(frozen=True)
class Theme:
    """A set of colours, each as ``#rrggbb``.

    Attributes:
        paper: Background of the page.
        card: Background of highlighted areas.
        ink: Text.
        muted: Secondary text, and chance.
        rule: Lines and tracks.
        accent: The trained embedding.
        frozen: The frozen backbone.
        better: Significantly better values; a sign is shown too.
        worse: Significantly worse values.
        categories: Categories (genres), distinguishable with impaired colour vision too.
        ramp_colours: Colour ramp from early to late (decades).
    """

    paper: str
    card: str
    ink: str
    muted: str
    rule: str
    accent: str
    frozen: str
    better: str
    worse: str
    categories: tuple[str, ...]
    ramp_colours: tuple[str, ...]

    def named(self) -> dict[str, str]:
        """Return every colour by the name of its style-sheet variable."""
        flat: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            flat |= (
                {field.name: value}
                if isinstance(value, str)
                else {f"{field.name}{i}": colour for i, colour in enumerate(value)}
            )
        return flat

    def ramp(self, steps: int) -> list[str]:
        """Return ``steps`` evenly spaced colours of the ramp."""
        last = len(self.ramp_colours) - 1
        at = np.linspace(0, last, steps) if steps > 1 else np.array([last])
        return [self.ramp_colours[round(i)] for i in at]


def _blend(stops: tuple[str, ...], steps: int = 9) -> tuple[str, ...]:
    """Interpolate ``steps`` colours between ``stops``, linearly in sRGB."""
    rgb = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    at = np.linspace(0, len(stops) - 1, steps)
    mixed = np.stack([np.interp(at, np.arange(len(stops)), rgb[:, channel]) for channel in range(3)], axis=1)
    return tuple("#" + "".join(f"{round(value):02x}" for value in row) for row in mixed)


LIGHT = Theme(
    paper="#faf8f4",
    card="#ffffff",
    ink="#1c1a18",
    muted="#6b665f",
    rule="#e2dcd2",
    accent="#b3271e",
    frozen="#1f7a8c",
    better="#1c5fb0",
    worse="#9c4a00",
    categories=("#cc3311", "#0077bb", "#e69f00", "#228833", "#aa3377", "#33aacc", "#7a5c2e", "#5b4fc7"),
    ramp_colours=_blend(("#cf8a12", "#d4502f", "#a32a5b", "#2f1f6b")),
)
DARK = Theme(
    paper="#141312",
    card="#1d1b1a",
    ink="#f2ede6",
    muted="#a8a199",
    rule="#3a3633",
    accent="#ff7d66",
    frozen="#6cc3d5",
    better="#86b9ff",
    worse="#ffad5c",
    categories=("#ff6b52", "#4fa8ec", "#f2b53a", "#55c46a", "#dd77b4", "#7fd6ee", "#c39a5f", "#a399ff"),
    ramp_colours=_blend(("#fff0b8", "#fdae61", "#f0627a", "#9a6bf0")),
)


def to_variables(markup: str) -> str:
    """Replace the light theme's colours in SVG with style-sheet variables, which follow the page's theme."""
    for name, colour in LIGHT.named().items():
        markup = markup.replace(colour, f"var(--{name})")
    return markup


@cache
def display_file() -> Path:
    """Return the file of the display typeface (Oswald, SIL Open Font License), a variable font."""
    return Path(font_path(DISPLAY))


@cache
def fallback_file() -> Path:
    """Return matplotlib's DejaVu Sans, for letters that the display typeface lacks."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _display_letters() -> frozenset[int]:
    with TTFont(display_file(), lazy=True) as font:
        return frozenset(font.getBestCmap())


@cache
def _load(size: int, weight: str, fallback: bool) -> ImageFont.FreeTypeFont:
    if fallback:
        return ImageFont.truetype(str(fallback_file()), round(size * 0.86))
    font = ImageFont.truetype(str(display_file()), size)
    font.set_variation_by_axes([WEIGHTS[weight]])
    return font


def font_for(text: str, size: int, weight: str = "regular") -> ImageFont.FreeTypeFont:
    """Return a font with the letters of ``text``: the display typeface, or DejaVu Sans.

    Args:
        text: The text to draw.
        size: Height in pixels.
        weight: ``light``, ``regular``, ``medium`` or ``semibold``.
    """
    return _load(size, weight, any(ord(letter) not in _display_letters() for letter in text if letter > " "))
