"""Learning curves of a run: training loss and validation metric over the steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.reports.charts.figure import blank_figure, panel_title, plain_axes
from keyart.runs.evaluation.metric_names import metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

Floats = npt.NDArray[np.float64]
DETAILS = ("/chance", "/frozen", "/lift")


@dataclass(frozen=True)
class Series:
    """One quantity over the steps.

    Attributes:
        name: Column name in ``metrics.csv``.
        steps: (T,) steps, increasing.
        values: (T,) finite values.
        epochs: (T,) epochs, NaN if unknown.
    """

    name: str
    steps: Floats
    values: Floats
    epochs: Floats


@dataclass(frozen=True)
class Curves:
    """The learning curves in ``metrics.csv``.

    Attributes:
        loss: Training loss; None if it was not logged.
        monitor: Validation metric; None if it was not logged.
        turn: Step at which fine-tuning begins after head training; None if unknown.
    """

    loss: Series | None
    monitor: Series | None
    turn: float | None


def read_curves(path: Path, config: Mapping[str, Any] | None = None) -> Curves | None:
    """Read the learning curves from a run's ``metrics.csv``.

    Args:
        path: The file: a column ``step``, and one column per quantity with empty cells where it was not logged.
        config: The run's configuration; ``monitor`` and ``training.head_epochs`` are used.

    Returns:
        The curves; None if the file is missing or has neither a loss nor a validation metric.
    """
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
    except pd.errors.EmptyDataError:
        return None
    if "step" not in table:
        return None
    table = table.apply(pd.to_numeric, errors="coerce").sort_values("step", kind="stable")
    config = config or {}
    requested = [str(config.get("monitor") or ""), "val/ndcg@10"]
    rest = [name for name in table if name.startswith("val/") and not name.endswith(DETAILS) and "loss" not in name]
    losses = ["train/loss", *(name for name in table if name.startswith("train/") and "loss" in name)]
    loss, monitor = _first(table, losses), _first(table, requested + rest)
    if loss is None and monitor is None:
        return None
    return Curves(loss, monitor, _turn(table, dict(config.get("training") or {})))


def draw_curves(curves: Curves, metrics: Mapping[str, float | None], theme: "Theme") -> "Figure":
    """Draw loss and validation metric side by side, with marks for chance, the frozen backbone and the best step.

    Args:
        curves: The curves to draw.
        metrics: Flat metrics; ``<monitor>/chance`` and ``<monitor>/frozen`` are used.
        theme: Colours.
    """
    panels = [series for series in (curves.loss, curves.monitor) if series is not None]
    figure = blank_figure(9.6 if len(panels) == 2 else 5.6, 3.3)
    axes = np.atleast_1d(figure.subplots(1, len(panels)))
    for at, series in zip(axes, panels, strict=True):
        plain_axes(at, theme)
        at.set_xlabel("step")
        at.margins(x=0.02)
        if series is curves.loss:
            panel_title(at, "Training loss", theme)
            _draw_loss(at, series, theme)
        else:
            panel_title(at, f"Validation {metric_name(series.name.removeprefix('val/'))}", theme)
            _draw_monitor(at, series, metrics, theme)
        if curves.turn is not None:
            at.axvline(curves.turn, color=theme.muted, linewidth=1, linestyle=(0, (4, 3)))
            for side, name in ((-4, "head"), (4, "fine-tuning")):
                at.annotate(
                    name,
                    (curves.turn, 1),
                    xycoords=at.get_xaxis_transform(),
                    xytext=(side, 4),
                    textcoords="offset points",
                    ha="right" if side < 0 else "left",
                    va="bottom",
                    color=theme.muted,
                    fontsize=9.5,
                )
    return figure


def _draw_loss(axes: "Axes", series: Series, theme: "Theme") -> None:
    window = max(1, len(series.values) // 25)
    smooth = pd.Series(series.values).rolling(2 * window + 1, center=True, min_periods=1).mean()
    many = len(series.values) > 60
    axes.plot(
        series.steps, series.values, color=theme.rule if many else theme.ink, linewidth=1, marker="" if many else "."
    )
    if many:
        axes.plot(series.steps, smooth, color=theme.ink, linewidth=2)


def _draw_monitor(axes: "Axes", series: Series, metrics: Mapping[str, float | None], theme: "Theme") -> None:
    best = int(series.values.argmax())
    few = len(series.values) <= 60
    axes.plot(series.steps, series.values, color=theme.accent, linewidth=2, marker="o" if few else "", markersize=4)
    for name, colour in (("frozen", theme.frozen), ("chance", theme.muted)):
        level = metrics.get(f"{series.name}/{name}")
        if level is None:
            continue
        axes.axhline(level, color=colour, linewidth=1.4, linestyle=(0, (5, 3)))
        axes.annotate(
            "frozen backbone" if name == "frozen" else name,
            (1, level),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-2, 4),
            textcoords="offset points",
            ha="right",
            color=colour,
            fontsize=10,
        )
    axes.plot(series.steps[best], series.values[best], "o", markersize=11, markerfacecolor="none", color=theme.accent)
    epoch = series.epochs[best]
    found = f"best {series.values[best]:.3f}" + ("" if np.isnan(epoch) else f", epoch {epoch + 1:.0f}")
    right = series.steps[best] > series.steps.mean()
    axes.annotate(
        found,
        (series.steps[best], series.values[best]),
        xytext=(-10 if right else 10, 9),
        textcoords="offset points",
        ha="right" if right else "left",
        color=theme.accent,
        fontsize=11,
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.14 * (high - low))


def _first(table: pd.DataFrame, names: list[str]) -> Series | None:
    """Return the first column that has a finite value; None if there is none."""
    for name in names:
        if name not in table:
            continue
        known = table[np.isfinite(table[name]) & np.isfinite(table["step"])]
        if len(known):
            epochs = known["epoch"] if "epoch" in known else pd.Series(np.nan, index=known.index)
            steps, values, at = (
                np.asarray(column, dtype=np.float64) for column in (known["step"], known[name], epochs)
            )
            return Series(name, steps, values, at)
    return None


def _turn(table: pd.DataFrame, training: dict[str, Any]) -> float | None:
    """Return the first logged step after the epochs of head training; None if unknown."""
    head = training.get("head_epochs")
    if "epoch" not in table or not head:
        return None
    later = table[table["epoch"] >= head]
    return float(later["step"].min()) if len(later) else None
