"""Bar chart of precision@10 per genre, with chance and the frozen backbone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyart.reports.charts.figure import blank_figure, plain_axes
from keyart.utils.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

KEY = "precision@10/genre/"
MARKS: dict[str, dict[str, Any]] = {
    "better": {"marker": "^", "markersize": 6, "linestyle": "none"},
    "worse": {"marker": "v", "markersize": 6, "linestyle": "none"},
}
"""Marker of a significant difference, in addition to its colour."""


@dataclass(frozen=True)
class GenreRow:
    """Precision@10 of one genre, with references.

    Attributes:
        name: Name of the genre.
        value: Precision@10 within the genre.
        chance: Expected value of a random ranking; None if unknown.
        frozen: Value of the frozen backbone; None if unknown.
        posters: Number of posters of the split with this genre; None if unknown.
        interval: Interval of the value; None if unknown.
        difference: Difference between the value and the frozen backbone's, with its interval; None if unknown.
    """

    name: str
    value: float
    chance: float | None
    frozen: float | None
    posters: int | None = None
    interval: Interval | None = None
    difference: Interval | None = None


def genre_rows(
    metrics: Mapping[str, float | None],
    split: str,
    posters: Mapping[str, int] | None = None,
    intervals: Mapping[str, Interval] | None = None,
    differences: Mapping[str, Interval] | None = None,
) -> list[GenreRow]:
    """Collect the per-genre precision@10 of a split from flat metrics, best value first.

    Args:
        metrics: Flat metrics with keys ``<split>/precision@10/genre/<G>``, also with ``/chance`` and ``/frozen``.
        split: Name of the split.
        posters: Number of posters of each genre.
        intervals: Intervals by metric name without the split.
        differences: Differences from the frozen backbone, by the same names.
    """
    prefix = f"{split}/{KEY}"
    names = [key.removeprefix(prefix) for key in metrics if key.startswith(prefix)]
    rows = []
    for name in (name for name in names if "/" not in name):
        value = metrics[prefix + name]
        if value is not None:
            chance, frozen = (metrics.get(f"{prefix}{name}/{kind}") for kind in ("chance", "frozen"))
            count = None if posters is None else posters.get(name)
            beside = [(known or {}).get(KEY + name) for known in (intervals, differences)]
            rows.append(GenreRow(name, value, chance, frozen, count, *beside))
    return sorted(rows, key=lambda row: (-row.value, row.name))


def draw_genre_bars(rows: list[GenreRow], theme: "Theme") -> "Figure":
    """Draw precision@10 as bars, with marks for chance and the frozen backbone, and known intervals.

    A mark at the right end shows that a genre is significantly better or worse than with the frozen backbone.
    """
    from matplotlib.transforms import offset_copy

    figure = blank_figure(9.6, 1.3 + 0.29 * len(rows))
    axes = figure.add_subplot()
    plain_axes(axes, theme, grid="x")
    axes.spines["left"].set_visible(False)
    for place, row in enumerate(rows):
        chance = row.chance or 0.0
        axes.barh(place, min(chance, row.value), height=0.6, color=theme.rule)
        axes.barh(place, max(row.value - chance, 0), left=chance, height=0.6, color=theme.accent)
        if row.chance is not None:
            axes.plot([chance, chance], [place - 0.3, place + 0.3], color=theme.muted, linewidth=1.6)
        if row.frozen is not None:
            axes.plot([row.frozen, row.frozen], [place - 0.44, place + 0.44], color=theme.frozen, linewidth=2.6)
        if row.interval is not None and not math.isnan(row.interval.low):
            axes.plot([row.interval.low, row.interval.high], [place, place], color=theme.ink, linewidth=1.2)
        if row.difference is not None and row.difference.excludes_zero:
            right = max(row.value, row.frozen or 0.0, row.interval.high if row.interval else 0.0)
            beside = offset_copy(axes.transData, figure, x=9, units="points")
            side = row.difference.verdict
            axes.plot([right], [place], transform=beside, color=getattr(theme, side), **MARKS[side])
    axes.barh(0, 0, color=theme.rule, label="chance")
    axes.barh(0, 0, color=theme.accent, label="above chance")
    axes.plot([], [], color=theme.frozen, linewidth=2.6, label="frozen backbone")
    if any(row.interval is not None for row in rows):
        axes.plot([], [], color=theme.ink, linewidth=1.2, label="95% interval")
    for name, mark in MARKS.items():
        if any(row.difference is not None and row.difference.verdict == name for row in rows):
            axes.plot([], [], color=getattr(theme, name), label=f"significantly {name} than frozen", **mark)
    names = [row.name if row.posters is None else f"{row.name}  {row.posters:,}" for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", labelcolor=theme.ink, labelsize=11)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("precision@10: share of the ten nearest that have the genre")
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=6,
        frameon=False,
        labelcolor=theme.ink,
        fontsize=11,
        handlelength=1.3,
        columnspacing=1.6,
    )
    return figure
