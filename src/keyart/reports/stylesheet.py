"""The style sheet of reports: light and dark, printable, without external resources."""

import base64
import io
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from keyart.reports.theme import DARK, DISPLAY, LIGHT, Theme, display_file


def rules() -> str:
    """Return the rules of the style sheet, in which ``DISPLAY`` stands for the display typeface."""
    return (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")


def build_stylesheet(letters: str) -> str:
    """Build the style sheet with its embedded typeface.

    Args:
        letters: All text of the page; the typeface is reduced to its letters.
    """
    face = (
        f'@font-face {{ font-family: "{DISPLAY}"; font-weight: 300 700; font-style: normal; font-display: block;'
        f' src: url("data:font/woff;base64,{_cut_font(letters)}") format("woff"); }}'
    )
    light, dark = _variables(LIGHT), _variables(DARK)
    themes = (
        f":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    )
    # In print, use the light theme to save ink, whatever theme the screen shows.
    paper = f"@media print {{ :root {{ color-scheme: light; {light} }} }}"
    return f"{face}\n{themes}\n{paper}\n{rules().replace('DISPLAY', DISPLAY).strip()}"


def _variables(theme: Theme) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in theme.named().items())


def _cut_font(letters: Iterable[str]) -> str:
    """Return the display typeface with only these letters, as base64 of WOFF."""
    options = subset.Options()
    options.flavor = "woff"
    options.layout_features = ["kern", "liga", "tnum", "lnum"]
    options.notdef_outline = True
    options.ignore_missing_unicodes = True
    with TTFont(display_file(), recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(sorted(set(letters) | set("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))))
        cutter.subset(font)
        buffer = io.BytesIO()
        subset.save_font(font, buffer, options)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
