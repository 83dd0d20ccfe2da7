"""``sweep.png``: the validation metric against each swept key, with intervals."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keyart.reports.charts.figure import blank_figure, panel_title, plain_axes, save_chart
from keyart.reports.sweep.references import MAX_LINES, Reference, place_references, reference_note
from keyart.reports.theme import LIGHT
from keyart.runs.sweep.comparison import format_value, in_ranges, is_number, values_of
from keyart.runs.sweep.estimates import Estimate
from keyart.runs.sweep.folder import REPLICATES, Value
from keyart.runs.sweep.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

FILE = "sweep.png"
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 6.6, 3.9, 2
_MAX_TICKS = 12
"""Maximum number of values that are all named on an axis."""
_LOG_FROM = 10
"""Minimum ratio of the largest to the smallest positive number for a logarithmic axis."""


def save_sweep_chart(summary: Summary, folder: Path) -> tuple[str, str]:
    """Write ``sweep.png`` into a folder.

    Returns:
        The chart as SVG for a page, and the note below it.
    """
    figures = []

    def draw(theme: "Theme") -> "Figure":
        figures.append(draw_sweep(summary, theme))
        return figures[0]

    alt = f"{summary.metric} on validation against {', '.join(panel_keys(summary)) or 'jobs'}"
    return save_chart(draw, folder / FILE, alt=alt), figures[0].get_supxlabel()


def panel_keys(summary: Summary) -> list[str]:
    """Return the keys that get a panel: those with several values, first the one whose best value is reported."""
    jobs, first = summary.sweep.finished, summary.curve[0]
    keys = [key for key in summary.sweep.keys if key not in REPLICATES and len(values_of(key, jobs)) > 1]
    return sorted(keys, key=lambda key: key != first)


def draw_sweep(summary: Summary, theme: "Theme | None" = None) -> "Figure":
    """Draw a panel for each swept key, and for a search one for its progress."""
    theme = theme or LIGHT
    keys = panel_keys(summary)
    count = max(1, len(keys) + summary.sweep.search)
    columns, rows = min(COLUMNS, count), math.ceil(count / COLUMNS)
    figure = blank_figure(PANEL_WIDTH * columns, PANEL_HEIGHT * rows + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    hollow = [_draw_panel(axis, summary, key, theme) for axis, key in zip(axes, keys, strict=False)]
    if summary.sweep.search:
        _draw_progress(axes[len(keys)], summary, theme)
    elif not keys:
        _draw_jobs(axes[0], summary, theme)
    drawn = [axis.dataLim.intervaly for axis in axes[:count]]
    low, high, references = place_references(summary, min(e[0] for e in drawn), max(e[1] for e in drawn))
    for at, axis in enumerate(axes):
        axis.set_visible(at < count)
        axis.set_ylim(low, high)
        _draw_references(axis, references, theme)
    # At the left edge, below the first panel.
    note = reference_note(low, references)
    if any(hollow):
        note = f"Hollow: the trained branch alone. {note}".rstrip()
    figure.supxlabel(note, x=0.01, ha="left", fontsize=10, color=theme.muted)
    return figure


def _draw_panel(axes: "Axes", summary: Summary, key: str, theme: "Theme") -> bool:
    """Draw one key: a line for each value of the key beside it, or the jobs of a search as points.

    Returns:
        Whether there are hollow points, those of the trained branch alone.
    """
    jobs, other = summary.sweep.finished, _other_key(summary, key)
    values, groups = values_of(key, jobs), [None] if other is None else values_of(other, jobs)
    numeric, many = all(is_number(value) for value in values), summary.sweep.search and in_ranges(key, jobs)
    # Shifted sideways, so that the intervals at one value do not overlap.
    step = np.ptp([float(v) for v in values]) * 0.008 if numeric else min(0.16, 0.6 / len(groups))  # type: ignore[arg-type]
    hollow = False
    for at, group in enumerate(groups):
        shift = 0.0 if many else (at - (len(groups) - 1) / 2) * float(step)
        points, trained = [], []
        for place, value in enumerate(values):
            part = [job for job in jobs if job.settings.get(key) == value]
            if part := [job for job in part if other is None or job.settings.get(other) == group]:
                x = float(value if numeric else place) + shift  # type: ignore[arg-type]
                points.append((x, summary.estimates.of(part)))
                if (alone := summary.estimates.of_trained(part)) is not None:
                    trained.append((x, alone))
        hollow = hollow or bool(trained)
        colour = _colour(theme, at, groups)
        _draw_points(axes, trained, colour, joined=numeric and not many, faint=many, hollow=True)
        _draw_points(axes, points, colour, joined=numeric and not many, label=format_value(group), faint=many)
    plain_axes(axes, theme)
    if not numeric:
        _name_places(axes, [format_value(value) for value in values])
    elif min(values) > 0 and max(values) / min(values) >= _LOG_FROM:  # type: ignore[type-var, operator]
        _log_axis(axes)
    elif not many and len(values) <= _MAX_TICKS:
        axes.set_xticks(values, [format_value(value) for value in values])  # type: ignore[arg-type]
    axes.set_xlabel(key)
    panel_title(axes, f"{summary.metric} on validation by {key}", theme)
    if other is not None:
        _legend(axes, other, len(groups), theme)
    return hollow


def _other_key(summary: Summary, key: str) -> str | None:
    """Return the key for each value of which a panel has a line."""
    first, other = summary.curve
    if key == first or other is None:
        return other if key == first else None
    if key != other:
        return other
    return None if in_ranges(str(first), summary.sweep.finished) else first


def _colour(theme: "Theme", at: int, groups: Sequence[Value]) -> str:
    if len(groups) == 1:
        return theme.accent
    if all(is_number(group) for group in groups):
        return theme.ramp(len(groups))[at]
    return theme.categories[at % len(theme.categories)]


def _draw_points(
    axes: "Axes",
    points: Sequence[tuple[float, Estimate]],
    colour: str,
    *,
    joined: bool,
    faint: bool,
    label: str | None = None,
    hollow: bool = False,
) -> None:
    """Draw estimates with their intervals; hollow points are those of the trained branch alone."""
    if not points:
        return
    x = np.array([place for place, _ in points])
    y, low, high = np.array([(one.value, one.low, one.high) for _, one in points]).T
    known = np.isfinite(low)
    if joined and len(points) > 1:
        axes.fill_between(x[known], low[known], high[known], color=colour, alpha=0.13, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=1.0 if hollow else 1.8, linestyle="-." if hollow else "-")
    if known.any():
        ends = np.array([y - low, high - y])[:, known]
        width, alpha = (0.8, 0.35) if faint else (1.4, 0.85)
        axes.errorbar(x[known], y[known], yerr=ends, fmt="none", ecolor=colour, elinewidth=width, alpha=alpha)
    fill = axes.get_facecolor() if hollow else colour
    axes.plot(x, y, "o", color=colour, markerfacecolor=fill, markersize=4.5 if faint else 6.5, label=label)


def _name_places(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)


def _log_axis(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _legend(axes: "Axes", key: str, entries: int, theme: "Theme") -> None:
    legend = axes.legend(
        title=key,
        loc="upper left",
        bbox_to_anchor=(0.0, -0.16),
        ncols=min(entries, 5),
        frameon=False,
        labelcolor=theme.ink,
        handletextpad=0.3,
        columnspacing=1.2,
        alignment="left",
    )
    legend.get_title().set_color(theme.muted)


def _draw_progress(axes: "Axes", summary: Summary, theme: "Theme") -> None:
    """Draw each job of a search, and the highest so far."""
    jobs = summary.sweep.finished
    x, y = [job.number for job in jobs], [float(job.value or 0.0) for job in jobs]
    style = {"color": theme.accent, "linewidth": 1.8, "drawstyle": "steps-post", "label": "highest so far"}
    axes.plot(x, np.maximum.accumulate(y), **style)  # type: ignore[arg-type]
    axes.plot(x, y, "o", color=theme.frozen, markersize=4.5, label="job")
    plain_axes(axes, theme)
    axes.set_xlabel("job")
    panel_title(axes, "Progress of the search", theme)
    axes.legend(loc="lower right", frameon=False, labelcolor=theme.ink)


def _draw_jobs(axes: "Axes", summary: Summary, theme: "Theme") -> None:
    """Draw the jobs next to each other, if they differ in nothing or only in seeds."""
    jobs = summary.sweep.finished
    points = [(float(place), summary.estimates.of([job])) for place, job in enumerate(jobs)]
    _draw_points(axes, points, theme.accent, joined=False, label="job", faint=False)
    keys = [key for key in summary.sweep.keys if len(values_of(key, jobs)) > 1]
    plain_axes(axes, theme)
    _name_places(axes, [", ".join(format_value(j.settings.get(key)) for key in keys) or str(j.number) for j in jobs])
    axes.set_xlabel(", ".join(keys) or "job")
    panel_title(axes, f"{summary.metric} on validation", theme)


def _draw_references(axes: "Axes", references: Sequence[Reference], theme: "Theme") -> None:
    for reference in references:
        if not reference.shown:
            continue
        colour = theme.muted if reference.dash == "dotted" else theme.frozen
        values = list(reference.values)
        if len(values) > MAX_LINES:
            axes.axhspan(values[0], values[-1], color=colour, alpha=0.15, linewidth=0)
            continue
        for value in values:
            axes.axhline(value, color=colour, linewidth=1.2, linestyle=reference.dash, zorder=1)
