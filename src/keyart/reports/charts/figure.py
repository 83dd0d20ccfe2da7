"""Matplotlib charts saved as PNG, and as SVG that follows the theme of an HTML page."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from keyart.reports.html import load_macros
from keyart.reports.theme import LIGHT, Theme, display_file, to_variables
from keyart.utils.files import atomic_path
from keyart.utils.text import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[[Theme], "Figure"]
DPI = 160
_METADATA = ("Creator", "Date", "Format", "Type")
"""What matplotlib writes into an SVG unless it is None."""
PAGE_SCALE = 1.7
"""Width of a chart on a page: pixels per point."""


def save_chart(draw: Draw, path: Path, *, alt: str, tips: Sequence[str] = ()) -> str:
    """Save a chart as PNG and return it as SVG for embedding in a page.

    Args:
        draw: Function that draws the chart in the colours of a theme.
        path: Path of the PNG; its stem makes the SVG's ids unique within the page.
        alt: Text alternative of the chart.
        tips: Tooltips, one for each point of the chart's collection with gid ``points``.

    Returns:
        An ``<svg>`` element without external references, with the page's style-sheet variables and typeface.
    """
    with _style(salt=path.stem):
        figure = draw(LIGHT)
        with atomic_path(path) as draft:
            figure.savefig(draft, format="png", dpi=DPI, facecolor=LIGHT.paper, metadata={"Software": None})
        figure.set_layout_engine("none")  # the layout is done already; repeating it takes half of the time
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata=dict.fromkeys(_METADATA))
    return _for_page(buffer.getvalue(), alt, tips)


def blank_figure(width: float, height: float) -> "Figure":
    """Create an empty figure of a size in inches; it need not be closed."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def plain_axes(axes: "Axes", theme: Theme, *, grid: Literal["x", "y"] = "y") -> None:
    """Style axes with a faint grid and without a box."""
    for side in ("top", "right", "left" if grid == "y" else "bottom"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(theme.rule)
    axes.tick_params(colors=theme.muted, labelcolor=theme.muted, length=0)
    axes.grid(axis=grid, color=theme.rule, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.patch.set_alpha(0)
    axes.xaxis.label.set_color(theme.muted)
    axes.yaxis.label.set_color(theme.muted)


def panel_title(axes: "Axes", text: str, theme: Theme) -> None:
    """Add a left-aligned title to axes."""
    axes.set_title(text, loc="left", color=theme.ink, fontsize=13, pad=20)


@contextmanager
def _style(salt: str) -> Iterator[None]:
    import matplotlib
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    if str(display_file()) not in known:
        font_manager.fontManager.addfont(str(display_file()))
    settings: Any = {
        "font.family": [font_manager.FontProperties(fname=str(display_file())).get_name(), "DejaVu Sans"],
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "path.simplify": False,
        # User text may contain two dollar signs, which are not mathematics.
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        yield


def _for_page(svg: str, alt: str, tips: Sequence[str]) -> str:
    """Reduce an SVG to its content, use style-sheet variables as colours, and add tooltips."""
    parts = load_macros("chart.html.j2")
    svg = svg[svg.index("<svg") :].replace("xlink:href", "href")
    # A third of the size of a map of 1,500 posters is digits beyond a tenth of a point.
    svg = _with_tips(re.sub(r"<[^>]+>", _rounded, svg), tips, parts.point)
    # Matplotlib names its elements alike in all charts of a page; only references are made unique by the hash's salt.
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    svg = re.sub(r'\sid="([^"]*)"', lambda match: match.group(0) if match.group(1) in used else "", svg)
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    head = str(parts.head(alt, width, height, width * PAGE_SCALE))
    return to_variables(re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)).strip()


def _rounded(tag: re.Match[str]) -> str:
    """Round the coordinates of a tag to a tenth of a point."""
    return re.sub(r"\d+\.\d\d+", lambda digits: f"{float(digits.group(0)):.1f}", tag.group(0))


def _with_tips(svg: str, tips: Sequence[str], point: Callable[[Markup, str], str]) -> str:
    """Add tooltips to the points of the collection with gid ``points``."""
    start = svg.find('id="points"')
    if start < 0 or not tips:
        return svg
    texts = iter(tips)
    points = re.compile(r"<use([^>]*)/>")
    if (count := len(points.findall(svg, start))) < len(tips):
        raise ValueError(f"{len(tips)} tips for {count} points")
    tipped = points.sub(lambda use: str(point(Markup(use.group(1)), next(texts))), svg[start:], count=len(tips))
    return svg[:start] + tipped
