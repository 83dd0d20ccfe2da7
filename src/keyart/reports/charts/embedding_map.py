"""Maps of the embedding: two-dimensional layouts, coloured by genre and by decade."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keyart.reports.charts.figure import blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from keyart.reports.theme import Theme

Points = npt.NDArray[np.float64]
MAX_DECADES = 8
ROWS = 4


def choose_genres(genres: npt.NDArray[np.bool_], most: int = 8) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Choose one genre per poster as its colour: the rarest of its genres among the ``most`` most frequent ones.

    Args:
        genres: (N, G) bool, multi-hot.
        most: Number of genres that get a colour.

    Returns:
        The coloured genres, most frequent first, and (N,) their index for each poster; -1 for a poster without any.

    Examples:
        >>> names, chosen = choose_genres(np.array([[1, 0, 1], [1, 0, 0], [1, 1, 0]], dtype=bool), most=2)
        >>> names, chosen.tolist()
        ([0, 1], [0, 0, 1])
    """
    sizes = genres.sum(0)
    common = [int(g) for g in np.argsort(-sizes, kind="stable")[:most] if sizes[g]]
    found = np.full(len(genres), -1, dtype=np.int64)
    for index, genre in enumerate(common):
        found[genres[:, genre]] = index
    return common, found


def choose_decades(years: npt.NDArray[np.float64]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Assign each poster to its decade.

    Args:
        years: (N,) years, NaN if unknown.

    Returns:
        The names of the decades in order, and (N,) their index for each poster, -1 if the year is unknown. With more
        than eight decades, the first name stands for all decades before the newest seven.

    Examples:
        >>> names, chosen = choose_decades(np.array([1999.0, float("nan"), 2003.0]))
        >>> names, chosen.tolist()
        (['1990s', '2000s'], [0, -1, 1])
    """
    known = np.isfinite(years)
    decades = np.where(known, np.floor(np.where(known, years, 0) / 10).astype(np.int64) * 10, 0)
    present = np.unique(decades[known]).tolist()
    names = [f"{decade}s" for decade in present]
    if len(present) > MAX_DECADES:
        first = present[-MAX_DECADES + 1]
        decades = np.where(known & (decades < first), first - 10, decades)
        present = [first - 10, *present[-MAX_DECADES + 1 :]]
        names = [f"before {first}", *names[-MAX_DECADES + 1 :]]
    found = np.where(known, np.searchsorted(present, decades) if present else -1, -1)
    return names, found.astype(np.int64)


def draw_genre_map(
    points: Points, genres: npt.NDArray[np.bool_], genre_names: tuple[str, ...], theme: "Theme"
) -> "Figure":
    """Draw one large map coloured by the rarest frequent genre, and a small map for each coloured genre.

    A small map shows every poster that has its genre, even if the poster has another colour in the large map.

    Args:
        points: (N, 2) positions from :func:`keyart.retrieval.projection.project`.
        genres: (N, G) bool, multi-hot.
        genre_names: Names of the G genres.
        theme: Colours.
    """
    common, chosen = choose_genres(genres, len(theme.categories))
    layers = [Layer(genre_names[g], theme.categories[i], genres[:, g]) for i, g in enumerate(common)]
    return _draw_map(points, chosen, layers, theme)


def draw_decade_map(points: Points, years: npt.NDArray[np.float64], theme: "Theme") -> "Figure":
    """Draw one large map coloured by decade, and a small map per decade; posters of unknown year are grey.

    Args:
        points: (N, 2) positions from :func:`keyart.retrieval.projection.project`.
        years: (N,) years, NaN if unknown.
        theme: Colours.
    """
    names, chosen = choose_decades(years)
    ramp = theme.ramp(len(names))
    layers = [Layer(name, ramp[i], chosen == i) for i, name in enumerate(names)]
    return _draw_map(points, chosen, layers, theme)


@dataclass(frozen=True, eq=False)
class Layer:
    """A group of posters with one colour on the map.

    Attributes:
        name: Name of the group.
        colour: ``#rrggbb``.
        members: (N,) bool, whether a poster belongs to the group.
    """

    name: str
    colour: str
    members: npt.NDArray[np.bool_]


def _draw_map(points: Points, chosen: npt.NDArray[np.int64], layers: list[Layer], theme: "Theme") -> "Figure":
    height = float(np.clip(np.ptp(points[:, 1]) / 2, 0.62, 1.0)) if len(points) else 1.0
    columns = -(-len(layers) // ROWS)
    small = (6.6 * height + 0.1) / ROWS / height - 0.32
    figure = blank_figure(6.6 + (small + 0.25) * columns, 6.6 * height + 0.1)
    grid = figure.add_gridspec(ROWS, 1 + columns, width_ratios=[6.6] + [small] * columns)
    large = figure.add_subplot(grid[:, 0])
    colours = [layers[i].colour if i >= 0 else theme.rule for i in chosen]
    large.scatter(points[:, 0], points[:, 1], s=_size(len(points)), c=colours or None, linewidths=0, gid="points")
    _bare(large, height)
    dot = math.sqrt(_size(len(points)))
    for index, layer in enumerate(layers):
        axes = figure.add_subplot(grid[index % ROWS, 1 + index // ROWS])
        _dots(axes, points[~layer.members], theme.rule, 0.8 + 0.2 * dot)
        _dots(axes, points[layer.members], layer.colour, 1.2 + 0.35 * dot)
        _bare(axes, height)
        # The name has the colour of normal text, because some layer colours are illegible as text on paper.
        mark: dict[str, Any] = {"marker": "s", "markersize": 6.5, "color": layer.colour, "clip_on": False}
        axes.plot(0.02, 1.1, transform=axes.transAxes, gid="mark", **mark)
        axes.set_title(
            f"    {layer.name}  {int(layer.members.sum()):,}", color=theme.ink, fontsize=11, loc="left", pad=1
        )
    return figure


def _size(count: int) -> float:
    """Return the area of a point in square points so that points cover about a tenth of the map, from 9 to 60."""
    return float(np.clip(12000 / max(count, 1), 9, 60))


def _dots(axes: "Axes", points: Points, colour: str, width: float) -> None:
    """Draw all points as one path with round caps: the SVG has an eighth of the size of a scatter plot."""
    x, y = (np.stack([p, p + 1e-3, np.full(len(p), np.nan)], axis=1).ravel() for p in points.T)
    axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="round")


def _bare(axes: "Axes", height: float) -> None:
    axes.set(xlim=(-1.06, 1.06), ylim=(-1.08 * height, 1.08 * height), aspect="equal", xticks=[], yticks=[])
    axes.set_frame_on(False)
