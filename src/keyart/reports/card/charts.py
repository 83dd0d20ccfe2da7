"""Charts of the dataset card: entropies, comparison with other image sets, intrinsic dimensions, genres."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keyart.images.complexity import MEASURES
from keyart.reports.charts.figure import blank_figure, panel_title, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

NAMES = {
    "shannon": "Shannon entropy",
    "glcm": "GLCM entropy",
    "delentropy": "Delentropy",
    "twonn": "TwoNN",
    "mle": "Maximum likelihood",
    "pixels": "pixels",
    "frozen": "frozen features",
    "embeddings": "embeddings",
}
OWN = "this catalogue"


def draw_complexity(values: npt.NDArray[np.float64], facts: Mapping[str, Any], theme: "Theme") -> "Figure":
    """Draw a histogram of each entropy with its mean.

    Args:
        values: (N, 3) entropies, in the order of `MEASURES`.
        facts: The card's ``complexity``.
        theme: Colours.
    """
    figure = blank_figure(9.6, 2.9)
    for column, name in enumerate(MEASURES):
        axes = figure.add_subplot(1, len(MEASURES), column + 1)
        plain_axes(axes, theme)
        axes.hist(values[:, column], bins=48, color=theme.frozen, alpha=0.85)
        mean = facts[name]["mean"]
        axes.axvline(mean, color=theme.accent, linewidth=2)
        axes.annotate(
            f"{mean:.2f}",
            (mean, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-5, 3),
            textcoords="offset points",
            ha="right",
            color=theme.accent,
        )
        panel_title(axes, NAMES[name], theme)
        axes.set_xlabel("bits")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    return figure


def draw_references(sets: Sequence[Mapping[str, Any]], theme: "Theme") -> "Figure":
    """Draw the catalogue in comparison with other image sets: one row per set, one panel per measure.

    Args:
        sets: Results of `measure_set`; the first is the catalogue.
        theme: Colours.
    """
    ordered = sorted(sets, key=lambda one: one["complexity"]["delentropy"]["mean"])
    figure = blank_figure(9.6, 1.25 + 0.42 * len(ordered))
    panels: list[tuple[str, str]] = [(name, "bits") for name in MEASURES]
    panels += [("twonn", "dimension of pixels"), ("mle", "dimension of pixels")]
    grid = figure.add_gridspec(1, len(panels))
    for column, (name, unit) in enumerate(panels):
        axes = figure.add_subplot(grid[column])
        plain_axes(axes, theme, grid="x")
        axes.spines["left"].set_visible(False)
        for place, one in enumerate(ordered):
            found = _reading(one, name)
            if found is None:
                continue
            mean, low, high = found
            own = one is sets[0]
            colour = theme.accent if own else theme.frozen
            axes.plot([low, high], [place, place], color=colour, linewidth=7, alpha=0.3, solid_capstyle="butt")
            axes.plot(mean, place, "o", color=colour, markersize=8 if own else 6)
            axes.annotate(
                f"{mean:.1f}",
                (mean, place),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9,
                color=colour if own else theme.muted,
            )
        axes.set_ylim(-0.6, len(ordered) - 0.25)
        axes.set_yticks(range(len(ordered)), [one["name"] for one in ordered] if column == 0 else [""] * len(ordered))
        axes.tick_params(axis="y", labelcolor=theme.ink, labelsize=11)
        for label, one in zip(axes.get_yticklabels(), ordered, strict=True):
            label.set_color(theme.accent if one is sets[0] else theme.ink)
        axes.margins(x=0.16)
        axes.set_title(NAMES[name], loc="left", color=theme.ink, fontsize=11, pad=8)
        axes.set_xlabel(unit, fontsize=9)
    return figure


def _reading(one: Mapping[str, Any], name: str) -> tuple[float, float, float] | None:
    """Return the value of a set in a panel, with the quartiles of its images (or the range over k); None if unknown."""
    if name in MEASURES:
        found = one["complexity"][name]
        return found["mean"], found["25%"], found["75%"]
    dimension = one["intrinsic_dimension"]
    if dimension is None:
        return None
    if name == "twonn":
        value = dimension["twonn"]
        return None if value is None else (value, value, value)
    known = [value for value in dimension["mle"].values() if value is not None]
    mean = dimension["mle"]["mean"]
    return None if mean is None else (mean, min(known), max(known))


def draw_dimension(
    spaces: Mapping[str, Mapping[str, Any]], curves: Mapping[str, npt.ArrayLike], theme: "Theme"
) -> "Figure":
    """Draw the estimates of intrinsic dimension and the explained variance of each space.

    Panels: maximum likelihood against k, TwoNN against the number of posters, and the cumulative share of variance
    against the number of principal components.

    Args:
        spaces: The card's ``intrinsic_dimension``.
        curves: Cumulative shares of variance, by space.
        theme: Colours.
    """
    colours = {"pixels": theme.muted, "frozen": theme.frozen, "embeddings": theme.accent}
    figure = blank_figure(9.6, 3.3)
    left, middle, right = (figure.add_subplot(1, 3, i + 1) for i in range(3))
    for name, space in spaces.items():
        by_k = [(int(k), v) for k, v in space["mle"].items() if k != "mean" and v is not None]
        by_n = [(int(n), v) for n, v in space["twonn_by_vectors"].items() if v is not None]
        style: dict[str, Any] = {"color": colours[name], "linewidth": 2, "marker": "o", "markersize": 5}
        if by_k:
            left.plot(*zip(*by_k, strict=True), **style)
        if by_n:
            middle.plot(*zip(*by_n, strict=True), label=NAMES[name], **style)
        shares = np.asarray(curves[name])
        if len(shares):
            right.plot(np.arange(1, len(shares) + 1), shares, color=colours[name], linewidth=2)
    for axes, title, label in (
        (left, "Maximum likelihood", "neighbours k"),
        (middle, "TwoNN", "posters"),
        (right, "Variance held", "principal components"),
    ):
        plain_axes(axes, theme)
        panel_title(axes, title, theme)
        axes.set_xlabel(label)
    left.set_ylim(bottom=0)
    middle.set_ylim(bottom=0)
    middle.set_xscale("log")
    right.set_xscale("log")
    right.set_ylim(0, 1.02)
    right.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    right.minorticks_off()
    right.set_xlim(1, max((len(curve) for curve in map(np.asarray, curves.values())), default=10))
    counts = sorted({int(n) for space in spaces.values() for n in space["twonn_by_vectors"]})
    middle.set_xticks(counts[-4:], [f"{n:,}" for n in counts[-4:]])
    middle.minorticks_off()
    for share in (0.9, 0.95, 0.99):
        right.axhline(share, color=theme.rule, linewidth=1, linestyle=(0, (4, 3)))
    middle.legend(frameon=False, labelcolor=theme.ink, fontsize=10, loc="lower right")
    return figure


def draw_genres(labels: Mapping[str, Any], theme: "Theme") -> "Figure":
    """Draw the number of posters of each genre, most frequent first."""
    counts = labels["genres"]
    figure = blank_figure(9.6, 0.9 + 0.26 * len(counts))
    axes = figure.add_subplot()
    plain_axes(axes, theme, grid="x")
    axes.spines["left"].set_visible(False)
    axes.barh(range(len(counts)), list(counts.values()), height=0.66, color=theme.frozen)
    most = max(counts.values(), default=1)
    for place, n in enumerate(counts.values()):
        share = n / max(labels["posters"], 1)
        axes.annotate(
            f"{n:,} · {share:.1%}",
            (n, place),
            xytext=(6, -4),
            textcoords="offset points",
            color=theme.muted,
            fontsize=10,
        )
    axes.set_yticks(range(len(counts)), list(counts))
    axes.tick_params(axis="y", labelcolor=theme.ink, labelsize=11)
    axes.set_ylim(len(counts) - 0.4, -0.6)
    axes.set_xlim(0, most * 1.12)
    axes.set_xlabel("posters")
    return figure


def draw_co_occurrence(labels: Mapping[str, Any], theme: "Theme") -> "Figure":
    """Draw genre co-occurrence: disc area is the share of a row genre's posters with the column genre."""
    names = labels["co_occurrence"]["genres"]
    both = np.array(labels["co_occurrence"]["posters"], dtype=np.float64)
    share = both / np.maximum(np.diag(both), 1)[:, None]
    size = len(names)
    figure = blank_figure(1.6 + 0.34 * size, 1.2 + 0.34 * size)
    axes = figure.add_subplot()
    plain_axes(axes, theme)
    axes.grid(color=theme.rule, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_visible(False)
    np.fill_diagonal(share, 0)
    rows, columns = np.nonzero(share >= 0.005)
    axes.scatter(columns, rows, s=260 * share[rows, columns], color=theme.accent, linewidths=0)
    axes.set_xticks(range(size), names, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(size), names)
    axes.tick_params(labelcolor=theme.ink, labelsize=10, top=False, labeltop=True, labelbottom=False)
    axes.set_xlim(-0.7, size - 0.3)
    axes.set_ylim(size - 0.3, -0.7)
    axes.set_aspect("equal")
    return figure
