"""Matplotlib charts saved as PNG, and as SVG that follows the theme of an HTML page."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from keyart.reports.theme import LIGHT, Theme, display_file, to_variables
from keyart.utils.files import replacing
from keyart.utils.text import to_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[[Theme], "Figure"]
DPI = 160
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
    with _style():
        figure = draw(LIGHT)
        with replacing(path) as draft:
            figure.savefig(draft, format="png", dpi=DPI, facecolor=LIGHT.paper, metadata={"Software": None})
        figure.set_layout_engine("none")  # the layout is done already; repeating it takes half of the time
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True)
    return _for_page(buffer.getvalue(), path.stem.replace("_", "-"), alt, tips)


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
def _style() -> Iterator[None]:
    import matplotlib
    from matplotlib import font_manager

    known = {font.fname for font in font_manager.fontManager.ttflist}
    if str(display_file()) not in known:
        font_manager.fontManager.addfont(str(display_file()))
    settings: Any = {
        "font.family": [font_manager.FontProperties(fname=str(display_file())).get_name(), "DejaVu Sans"],
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": "keyart",
        "path.simplify": False,
        # User text may contain two dollar signs, which are not mathematics.
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        yield


def _for_page(svg: str, prefix: str, alt: str, tips: Sequence[str]) -> str:
    """Reduce an SVG to its content, prefix its ids, use style-sheet variables as colours, and add tooltips."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", _rounded, svg)
    svg = re.sub(r"M ([\d.]+ [\d.]+)\s+L \1\s", r"M\1h0", svg)
    svg = _with_tips(svg, 'id="points"', tips)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    svg = re.sub(
        r'\sid="([^"]*)"', lambda match: f' id="{prefix}-{match.group(1)}"' if match.group(1) in used else "", svg
    )
    svg = svg.replace("url(#", f"url(#{prefix}-").replace('href="#', f'href="#{prefix}-')
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2]
    head = (
        f'<svg role="img" aria-label="{to_html(alt)}" viewBox="0 0 {width} {height}" class="chart"'
        f' style="max-width:{float(width) * PAGE_SCALE:.0f}px">'
    )
    return to_variables(re.sub(r"<svg[^>]*>", head, svg, count=1)).strip()


def _rounded(tag: re.Match[str]) -> str:
    """Round the coordinates of a tag to a tenth of a point."""
    return re.sub(r"\d+\.\d\d+", lambda digits: f"{float(digits.group(0)):.1f}", tag.group(0))


def _with_tips(svg: str, group: str, tips: Sequence[str]) -> str:
    start = svg.find(group)
    if start < 0 or not tips:
        return svg
    texts = iter(tips)

    def tipped(match: re.Match[str]) -> str:
        text = next(texts, None)
        return match.group(0) if text is None else f"<use{match.group(1)}><title>{to_html(text)}</title></use>"

    points = len(re.findall(r"<use[^>]*/>", svg[start:]))
    if points < len(tips):
        raise ValueError(f"{len(tips)} tips for {points} points")
    return svg[:start] + re.sub(r"<use([^>]*)/>", tipped, svg[start:], count=len(tips))
