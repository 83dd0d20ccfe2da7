"""``sweep.png``: the validation metric against each swept key, with intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keyart.reports.charts.figure import blank_figure, panel_title, plain_axes, save_chart
from keyart.reports.theme import LIGHT
from keyart.runs.evaluation.metric_names import metric_name
from keyart.runs.sweep.estimates import Estimate
from keyart.runs.sweep.folder import REPLICATES, Job, Value
from keyart.runs.sweep.summary import Summary, in_ranges, is_number, told, values_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

FILE = "sweep.png"
WIDE, TALL, ACROSS = 6.6, 3.9, 2
_LOG_FROM = 10
"""Ratio of largest to smallest value from which an axis is logarithmic."""
_LEAST_SPAN = 0.02
"""Smallest span of the vertical axis; needed where no interval shows the size of the noise."""
_LEAST_SHARE = 1 / 3
"""Chance and frozen backbone are drawn only if the measured values keep at least this share of the axis."""
_MOST_LINES = 4
Point = tuple[float, Estimate]


def save_sweep_chart(summary: Summary, folder: Path) -> str:
    """Write ``sweep.png`` into a folder and return the chart as SVG.

    Args:
        summary: Summary of a sweep with at least one finished job.
        folder: Output folder.

    Returns:
        The chart as SVG for a page.
    """
    keys = ", ".join(panels_of(summary)) or "jobs"
    alt = f"{metric_name(summary.sweep.monitor.partition('/')[2])} on validation against {keys}"
    return save_chart(lambda theme: draw_sweep(summary, theme), folder / FILE, alt=alt)


def panels_of(summary: Summary) -> list[str]:
    """Return the keys with several values, which get a panel; the key to choose comes first."""
    jobs, first = summary.sweep.finished, summary.curve[0]
    keys = [key for key in summary.sweep.keys if key not in REPLICATES and len(values_of(key, jobs)) > 1]
    return sorted(keys, key=lambda key: key != first)


def draw_sweep(summary: Summary, theme: "Theme | None" = None) -> "Figure":
    """Draw a panel for each swept key; for a search, also a panel of its progress."""
    theme = theme or LIGHT
    panels = panels_of(summary)
    count = max(1, len(panels) + summary.sweep.search)
    across = min(ACROSS, count)
    figure = blank_figure(WIDE * across, TALL * math.ceil(count / across) + 0.5)
    axes = figure.subplots(math.ceil(count / across), across, squeeze=False).ravel()
    for at, key in enumerate(panels):
        draw_panel(axes[at], summary, key, theme)
    if summary.sweep.search:
        _draw_progress(axes[len(panels)], summary, theme)
    elif not panels:
        _draw_jobs(axes[0], summary, theme)
    low, high, references = scale_of(heights_of(summary), references_of(summary))
    for at, axis in enumerate(axes):
        axis.set_visible(at < count)
        axis.set_ylim(low, high)
        _draw_references(axis, references, theme)
    # Left-aligned below the first panel.
    figure.supxlabel(reference_note(summary), x=0.01, ha="left", fontsize=10, color=theme.muted)
    return figure


def panel_rows(summary: Summary, key: str) -> list[tuple[Value, list[tuple[Value, Estimate]]]]:
    """Return the lines of one key's panel: for each value of the grouping key, the key's values with their means."""
    jobs, beside = summary.sweep.finished, _beside(summary, key)
    rows = []
    for group in [None] if beside is None else values_of(beside, jobs):
        part = [job for job in jobs if beside is None or job.settings.get(beside) == group]
        here = {value: [job for job in part if job.settings.get(key) == value] for value in values_of(key, jobs)}
        rows.append((group, [(value, summary.estimates.of(found)) for value, found in here.items() if found]))
    return rows


def draw_panel(axes: "Axes", summary: Summary, key: str, theme: "Theme") -> None:
    """Draw the panel of one key: a line for each value of the grouping key, or the jobs of a search as points."""
    jobs, beside = summary.sweep.finished, _beside(summary, key)
    values = values_of(key, jobs)
    numeric = all(is_number(value) for value in values)
    rows = panel_rows(summary, key)
    groups = [group for group, _ in rows]
    many = in_ranges(key, jobs)
    for row, (group, means) in enumerate(rows):
        colour = _colour(theme, row, groups)
        # Shift the groups so that their intervals at one value do not hide each other.
        step = np.ptp([float(v) for v in values]) * 0.008 if numeric else min(0.16, 0.6 / len(groups))  # type: ignore[arg-type]
        shift = 0.0 if many else (row - (len(groups) - 1) / 2) * float(step)
        points = [
            ((float(value) if numeric else values.index(value)) + shift, estimate)  # type: ignore[arg-type]
            for value, estimate in means
        ]
        _draw_points(axes, points, colour, joined=numeric and not many, label=told(group), faint=many)
    plain_axes(axes, theme)
    _name_values(axes, values, numeric, many)
    axes.set_xlabel(key)
    title = metric_name(summary.sweep.monitor.partition("/")[2])
    panel_title(axes, f"{title} on validation by {key}", theme)
    if beside is not None:
        _legend(axes, beside, len(groups), theme)


def _beside(summary: Summary, key: str) -> str | None:
    """Return the key whose values distinguish a panel's lines; None for one line."""
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


def _draw_points(axes: "Axes", points: Sequence[Point], colour: str, *, joined: bool, label: str, faint: bool) -> None:
    if not points:
        return
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


def _draw_progress(axes: "Axes", summary: Summary, theme: "Theme") -> None:
    """Draw the value of each job of a search, and the highest value so far."""
    jobs = summary.sweep.finished
    x, y = [job.number for job in jobs], [float(job.value or 0.0) for job in jobs]
    axes.plot(
        x, np.maximum.accumulate(y), color=theme.accent, linewidth=1.8, drawstyle="steps-post", label="highest so far"
    )
    axes.plot(x, y, "o", color=theme.frozen, markersize=4.5, label="job")
    plain_axes(axes, theme)
    axes.set_xlabel("job")
    panel_title(axes, "Progress of the search", theme)
    axes.legend(loc="lower right", frameon=False, labelcolor=theme.ink)


def _draw_jobs(axes: "Axes", summary: Summary, theme: "Theme") -> None:
    """Draw the jobs side by side, for a sweep in which only seeds differ, or nothing."""
    jobs: Sequence[Job] = summary.sweep.finished
    points = [(float(place), summary.estimates.of([job])) for place, job in enumerate(jobs)]
    _draw_points(axes, points, theme.accent, joined=False, label="job", faint=False)
    keys = [key for key in summary.sweep.keys if len(values_of(key, jobs)) > 1]
    names = [", ".join(told(job.settings.get(key)) for key in keys) or str(job.number) for job in jobs]
    plain_axes(axes, theme)
    axes.set_xticks(range(len(jobs)), names)
    axes.set_xlim(-0.6, len(jobs) - 0.4)
    axes.set_xlabel(", ".join(keys) or "job")
    panel_title(axes, f"{metric_name(summary.sweep.monitor.partition('/')[2])} on validation", theme)


@dataclass(frozen=True)
class Reference:
    """Chance or the frozen backbone over the jobs of a sweep.

    Attributes:
        name: Display name.
        values: Its different values in ascending order, each with the setting to which it belongs (empty if that is not
            a single one).
        shown: Whether the chart's axis includes them.
        dash: Line style.
    """

    name: str
    values: Mapping[float, str]
    shown: bool
    dash: str

    def describe(self, low: float) -> str:
        """Describe the values with their line style, or their position outside the axis."""
        known = list(self.values)
        told = ", ".join(f"{value:.4f}{f' ({of})' if of else ''}" for value, of in self.values.items())
        if len(known) > _MOST_LINES:
            told = f"{known[0]:.4f} to {known[-1]:.4f}"
        if not self.shown:
            return f"{self.name} {told}: {'below' if known[-1] < low else 'beyond'} the axis"
        return f"{self.dash}: {self.name} {told}"


def heights_of(summary: Summary) -> list[float]:
    """Return every height that the charts draw: means and the ends of their intervals."""
    rows = [means for key in panels_of(summary) for _, means in panel_rows(summary, key)]
    found = [estimate for means in rows for _, estimate in means]
    found += [summary.estimates.of([job]) for job in summary.sweep.finished if not rows]
    heights = [end for one in found for end in (one.value, one.low, one.high)]
    heights += [float(job.value or 0.0) for job in summary.sweep.finished if summary.sweep.search]
    return [height for height in heights if math.isfinite(height)]


def scale_of(
    heights: Sequence[float], references: Mapping[str, Mapping[float, str]]
) -> tuple[float, float, list[Reference]]:
    """Return the range of the vertical axis: it includes every interval, and references that leave enough space.

    Args:
        heights: Means and ends of intervals.
        references: Values of the references, by name.

    Returns:
        The lower and upper end of the axis, and the references.
    """
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
    if (missing := _LEAST_SPAN - (high - low)) > 0:
        low, high = low - missing / 2, high + missing / 2
    found = []
    for (name, values), dash in zip(references.items(), ("dotted", "dashed"), strict=True):
        if not values:
            continue
        wide = min(low, *values), max(high, *values)
        shown = (wide[1] - wide[0]) * _LEAST_SHARE <= max(heights, default=1.0) - min(heights, default=0.0)
        if shown:
            low, high = wide
        found.append(Reference(name, values, shown, dash))
    room = (high - low) * 0.08
    return low - room, high + room, found


def references_of(summary: Summary) -> dict[str, dict[float, str]]:
    """Return the different values of chance and of the frozen backbone over finished jobs, with their settings."""
    found = {}
    for column, name in (("chance", "chance"), ("frozen", "frozen backbone")):
        known = [
            (job, round(value, 6)) for job in summary.sweep.finished if (value := job.beside.get(column)) is not None
        ]
        values = dict.fromkeys(sorted({value for _, value in known}), "")
        for key in summary.sweep.keys if len(values) > 1 else ():
            pairs = {(told(job.settings.get(key)), value) for job, value in known}
            if len(pairs) == len({one for one, _ in pairs}) == len(values):
                values = {value: next(one for one, of in pairs if of == value) for value in values}
                break
        found[name] = values
    return found


def reference_note(summary: Summary) -> str:
    """Describe the values of chance and the frozen backbone in one sentence."""
    low, _, references = scale_of(heights_of(summary), references_of(summary))
    told = "; ".join(reference.describe(low) for reference in references)
    return f"{told[:1].upper()}{told[1:]}." if told else ""


def _draw_references(axes: "Axes", references: Sequence[Reference], theme: "Theme") -> None:
    for reference in references:
        if not reference.shown:
            continue
        colour = theme.muted if reference.dash == "dotted" else theme.frozen
        values = list(reference.values)
        if len(values) > _MOST_LINES:
            axes.axhspan(values[0], values[-1], color=colour, alpha=0.15, linewidth=0)
            continue
        for value in values:
            axes.axhline(value, color=colour, linewidth=1.2, linestyle=reference.dash, zorder=1)
