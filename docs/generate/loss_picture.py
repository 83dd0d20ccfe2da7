"""A picture of what a loss pulls and pushes: its own gradient on eight points in two dimensions."""

import math
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor
from torch.nn.functional import normalize

from keyart.catalogue.relevance import Relevance
from keyart.losses.base import MetricLoss
from keyart.losses.relations import Relations, compute_relations

GENRES = torch.tensor([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 1]])
DEGREES = torch.tensor([100.0, 20, 60, 130, 350, 175, 220, 300])
#: Where a frozen backbone is imagined to see them.
FROZEN = torch.tensor([90.0, 110, 80, 330, 350, 190, 210, 250])
COLOURS = {"A": "#c0392b", "AB": "#8e44ad", "B": "#2471a3", "AC": "#b9770e", "C": "#1e8449"}
STEPS, STEP, LONGEST = 60, 0.07, 0.5


def draw(loss: MetricLoss, file: Path) -> bool:
    """Draw the gradient at the start and the points after many steps; return whether the loss has parameters."""
    start = circle(DEGREES)
    held = _hold_directions(loss)
    relations = toy_relations()
    figure = Figure(figsize=(7, 3.6))
    before, after = figure.subplots(1, 2)
    moves = -gradient(loss, start, relations)
    longest = moves.norm(dim=1).max().clamp(min=1e-12)
    draw_points(before, start, held)
    for (x, y), (dx, dy) in zip(start.tolist(), (moves / longest * LONGEST).tolist(), strict=True):
        if math.hypot(dx, dy) > 0.02:
            before.annotate("", (x + dx, y + dy), (x, y), arrowprops={"arrowstyle": "-|>", "color": "#333"})
    draw_points(after, descend(loss, start, relations), held)
    figure.subplots_adjust(0, 0, 1, 1, 0)
    figure.savefig(file, metadata={"Date": None}, transparent=False)
    return held is not None


def descend(loss: MetricLoss, points: Tensor, relations: Relations) -> Tensor:
    """Move points by small steps against the gradient, the longest of equal length at first, then shorter."""
    for at in range(STEPS):
        moves = -gradient(loss, points, relations)
        points = points + moves / moves.norm(dim=1).max().clamp(min=1e-6) * STEP * (1 - at / STEPS)
        if loss.input_kind == "normalised":
            points = normalize(points, dim=1)
    return points


def gradient(loss: MetricLoss, points: Tensor, relations: Relations) -> Tensor:
    """Return the gradient at points; along the circle for losses of unit vectors."""
    points = points.detach().requires_grad_()
    rows = normalize(points, dim=1) if loss.input_kind == "normalised" else points
    (found,) = torch.autograd.grad(loss(rows, relations), points)
    return found


def toy_relations() -> Relations:
    """Return the relations between the points, by Jaccard."""
    index, frozen = torch.arange(len(GENRES)), circle(FROZEN)
    return compute_relations(GENRES, GENRES, Relevance("jaccard"), index, index, frozen=(frozen, frozen))


def circle(degrees: Tensor) -> Tensor:
    """Return unit vectors of some angles, (N, 2)."""
    angles = torch.deg2rad(degrees)
    return torch.stack([torch.cos(angles), torch.sin(angles)], dim=1)


def _hold_directions(loss: MetricLoss) -> Tensor | None:
    """Let the loss make its parameters, one direction for each genre; return these, or None if it has none."""
    loss.build(2, GENRES.sum(dim=0), len(GENRES))
    directions = circle(torch.tensor([90.0, 0, 225]))
    found = [value for value in loss.parameters() if value.shape == directions.shape]
    for value in loss.parameters():
        value.requires_grad_(False)
    for value in found:
        value.copy_(directions)
    return directions if found else None


def draw_points(axes: Axes, points: Tensor, directions: Tensor | None) -> None:
    """Draw the eight points with their genres, and the directions of the genres as stars."""
    axes.add_patch(Circle((0, 0), 1, fill=False, color="#ccc"))
    for point, genres in zip(points.tolist(), GENRES.tolist(), strict=True):
        name = "".join(letter for letter, has in zip("ABC", genres, strict=True) if has)
        axes.plot(*point, "o", color=COLOURS[name], markersize=15)
        axes.text(*point, name, color="white", ha="center", va="center", fontsize=7, weight="bold")
    for letter, direction in zip("ABC", [] if directions is None else directions.tolist(), strict=False):
        axes.plot(*direction, "*", color=COLOURS[letter], markersize=13, markeredgecolor="black", zorder=4)
    # Raw embeddings of a classifier leave the circle.
    side = max(1.6, 1.2 * float(points.abs().max()))
    axes.set(xlim=(-side, side), ylim=(-side, side), aspect="equal")
    axes.axis("off")
