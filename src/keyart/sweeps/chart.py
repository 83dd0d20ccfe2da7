"""``sweep.png``: the validation metric against each swept key, with intervals."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keyart.analysis.figures import blank_figure, panel_title, plain_axes, save_chart
from keyart.analysis.names import metric_name
from keyart.analysis.theme import LIGHT
from keyart.sweeps.estimates import Estimate
from keyart.sweeps.folder import REPLICATES, Job, Value
from keyart.sweeps.summary import Summary, in_ranges, is_number, told, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keyart.analysis.theme import Theme

FILE = "sweep.png"
WIDE, TALL, ACROSS = 6.6, 3.9, 2
_LOG_FROM = 10
"""Numbers whose largest is so many times the smallest stand on a logarithmic axis."""
Point = tuple[float, Estimate]


def save_sweep_chart(summary: Summary, folder: Path) -> str:
    """Write ``sweep.png`` into a folder.

    Args:
        summary: With at least one finished job.
        folder: Where to.

    Returns:
        The same as SVG for a page.
    """
    keys = ", ".join(panels_of(summary)) or "jobs"
    alt = f"{metric_name(summary.sweep.monitor.partition('/')[2])} on validation against {keys}"
    return save_chart(lambda theme: draw_sweep(summary, theme), folder / FILE, alt=alt)


def panels_of(summary: Summary) -> list[str]:
    """The keys that get a panel: those with several values, the one that is chosen first."""
    jobs, first = summary.sweep.finished, summary.curve[0]
    keys = [key for key in summary.sweep.keys if key not in REPLICATES and len(values_of(key, jobs)) > 1]
    return sorted(keys, key=lambda key: key != first)


def draw_sweep(summary: Summary, theme: "Theme | None" = None) -> "Figure":
    """Draw a panel for each swept key; of a search, one for its progress besides."""
    theme = theme or LIGHT
    panels = panels_of(summary)
    count = max(1, len(panels) + summary.sweep.search)
    across = min(ACROSS, count)
    figure = blank_figure(WIDE * across, TALL * math.ceil(count / across) + 0.5)
    axes = figure.subplots(math.ceil(count / across), across, squeeze=False).ravel()
    drawn: list[float] = []
    for at, key in enumerate(panels):
        drawn += draw_panel(axes[at], summary, key, theme)
    if summary.sweep.search:
        drawn += _draw_progress(axes[len(panels)], summary, theme)
    elif not panels:
        drawn += _draw_jobs(axes[0], summary, theme)
    for at, axis in enumerate(axes):
        axis.set_visible(at < count)
        axis.set_ylim(*_limits(drawn))
    return figure


def draw_panel(axes: "Axes", summary: Summary, key: str, theme: "Theme") -> list[float]:
    """One key: a line for each value of the key beside it, or the jobs of a search as points.

    Returns:
        The heights that the axis must hold.
    """
    jobs, beside = summary.sweep.finished, _beside(summary, key)
    values = values_of(key, jobs)
    numeric = all(is_number(value) for value in values)
    groups = [None] if beside is None else values_of(beside, jobs)
    many = in_ranges(key, jobs)
    heights: list[float] = []
    for row, group in enumerate(groups):
        part = [job for job in jobs if beside is None or job.settings.get(beside) == group]
        colour = _colour(theme, row, groups)
        # Apart, so that the intervals of one place do not hide each other.
        step = np.ptp([float(v) for v in values]) * 0.008 if numeric else min(0.16, 0.6 / len(groups))  # type: ignore[arg-type]
        shift = 0.0 if many else (row - (len(groups) - 1) / 2) * float(step)
        points: list[Point] = []
        for place, value in enumerate(values):
            here = [job for job in part if job.settings.get(key) == value]
            if here:
                points.append(((float(value) if numeric else place) + shift, summary.estimates.of(here)))  # type: ignore[arg-type]
        heights += _draw_points(axes, points, colour, joined=numeric and not many, label=told(group), faint=many)
    plain_axes(axes, theme)
    _name_values(axes, values, numeric, many)
    axes.set_xlabel(key)
    title = metric_name(summary.sweep.monitor.partition("/")[2])
    panel_title(axes, f"{title} on validation by {key}", theme)
    if beside is not None:
        _legend(axes, beside, len(groups), theme)
    return heights


def _beside(summary: Summary, key: str) -> str | None:
    """The key whose values tell a panel's lines apart."""
    chosen, given = summary.curve
    if key == chosen or given is None:
        return given if key == chosen else None
    jobs = summary.sweep.finished
    return (None if in_ranges(str(chosen), jobs) else chosen) if key == given else given


def _colour(theme: "Theme", row: int, groups: Sequence[Value]) -> str:
    if len(groups) == 1:
        return theme.accent
    if all(is_number(group) for group in groups):
        return theme.ramp(len(groups))[row]
    return theme.c[row % len(theme.c)]


def _draw_points(
    axes: "Axes", points: Sequence[Point], colour: str, *, joined: bool, label: str, faint: bool
) -> list[float]:
    if not points:
        return []
    x = np.array([place for place, _ in points])
    y = np.array([estimate.value for _, estimate in points])
    low = np.array([estimate.low for _, estimate in points])
    high = np.array([estimate.high for _, estimate in points])
    sure = np.isfinite(low)
    if joined and len(points) > 1:
        axes.fill_between(x[sure], low[sure], high[sure], color=colour, alpha=0.13, linewidth=0)
        axes.plot(x, y, color=colour, linewidth=1.8)
    if sure.any():
        reach = np.array([y[sure] - low[sure], high[sure] - y[sure]])
        width, alpha = (0.8, 0.35) if faint else (1.4, 0.85)
        axes.errorbar(x[sure], y[sure], yerr=reach, fmt="none", ecolor=colour, elinewidth=width, alpha=alpha)
    axes.plot(x, y, "o", color=colour, markersize=4.5 if faint else 6.5, label=label)
    reachable = _within_reason(y, low, high)
    return [*y.tolist(), *reachable]


def _within_reason(y: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[float]:
    """Ends of intervals, but none so far off that it would flatten all the rest (two seeds say little)."""
    ends = np.concatenate([low[np.isfinite(low)], high[np.isfinite(high)]])
    spread = max(float(np.ptp(y)), 1e-6)
    near = ends[(ends > y.min() - 4 * spread - 0.02) & (ends < y.max() + 4 * spread + 0.02)]
    return [float(end) for end in near]


def _name_values(axes: "Axes", values: Sequence[Value], numeric: bool, many: bool) -> None:
    if not numeric:
        axes.set_xticks(range(len(values)), [told(value) for value in values])
        axes.set_xlim(-0.6, len(values) - 0.4)
        return
    numbers = [float(value) for value in values]  # type: ignore[arg-type]
    if min(numbers) > 0 and max(numbers) / min(numbers) >= _LOG_FROM:
        _log_axis(axes)
    elif not many:
        axes.set_xticks(numbers, [told(value) for value in values])


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


def _draw_progress(axes: "Axes", summary: Summary, theme: "Theme") -> list[float]:
    """What each job of a search reached, and the best so far."""
    jobs = summary.sweep.finished
    x, y = [job.number for job in jobs], [float(job.value or 0.0) for job in jobs]
    axes.plot(
        x, np.maximum.accumulate(y), color=theme.accent, linewidth=1.8, drawstyle="steps-post", label="best so far"
    )
    axes.plot(x, y, "o", color=theme.frozen, markersize=4.5, label="job")
    plain_axes(axes, theme)
    axes.set_xlabel("job")
    panel_title(axes, "Progress of the search", theme)
    axes.legend(loc="lower right", frameon=False, labelcolor=theme.ink)
    return y


def _draw_jobs(axes: "Axes", summary: Summary, theme: "Theme") -> list[float]:
    """Where nothing differs but seeds, or nothing at all: the jobs side by side."""
    jobs: Sequence[Job] = summary.sweep.finished
    points = [(float(place), summary.estimates.of([job])) for place, job in enumerate(jobs)]
    heights = _draw_points(axes, points, theme.accent, joined=False, label="job", faint=False)
    keys = [key for key in summary.sweep.keys if len(values_of(key, jobs)) > 1]
    names = [", ".join(told(job.settings.get(key)) for key in keys) or str(job.number) for job in jobs]
    plain_axes(axes, theme)
    axes.set_xticks(range(len(jobs)), names)
    axes.set_xlim(-0.6, len(jobs) - 0.4)
    axes.set_xlabel(", ".join(keys) or "job")
    panel_title(axes, f"{metric_name(summary.sweep.monitor.partition('/')[2])} on validation", theme)
    return heights


def _limits(heights: Sequence[float]) -> tuple[float, float]:
    known = [height for height in heights if math.isfinite(height)]
    if not known:
        return 0.0, 1.0
    room = max(max(known) - min(known), 1e-3) * 0.08
    return min(known) - room, max(known) + room
