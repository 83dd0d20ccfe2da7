"""The figures of the concept pages. Numbers are read from the tables of docs/results.md."""

import re
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from keyart.catalogue.relevance import POSITIVE_GAIN, Relevance

RESULTS = (Path(__file__).parents[1] / "results.md").read_text(encoding="utf-8")
GREY, BLUE, RED, GREEN = "#888888", "#2471a3", "#c0392b", "#1e8449"


def draw_all(folder: Path) -> None:
    """Draw every figure into a folder."""
    for draw, name, size in (
        (relevance, "relevance", (6.4, 4.0)),
        (lift, "lift", (8, 2.4)),
        (phases, "phases", (8, 2.6)),
        (splits, "splits", (8, 2.6)),
        (beyond_genre, "beyond_genre", (8, 3.0)),
    ):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def table_row(start: str) -> list[str]:
    """Return the cells of the row of docs/results.md that starts with a text.

    Raises:
        LookupError: There is no such row.
    """
    for line in RESULTS.splitlines():
        if line.startswith(f"| {start}"):
            return [cell.strip() for cell in line.strip("| ").split(" | ")]
    raise LookupError(f"docs/results.md has no row that starts with {start!r}")


def first(cell: str) -> float:
    """Return the first number of a cell: that of seed 0."""
    return float(cell.split(" / ")[0])


def relevance(axes: Axes) -> None:
    """Draw the gains between six genre sets, and which pairs are positive, negative or neither."""
    names = ["Drama", "Drama\nRomance", "Romance\nComedy", "Drama\nRomance\nComedy", "Horror", "Horror\nThriller"]
    genres = ["Drama", "Romance", "Comedy", "Horror", "Thriller"]
    hot = torch.tensor([[genre in name for genre in genres] for name in names])
    gains = Relevance("jaccard")(hot, hot)
    for row, line in enumerate(gains.tolist()):
        for column, gain in enumerate(line):
            kind, colour = ("negative", "#f2d7d5") if gain == 0 else ("neither", "#eeeeee")
            if gain >= POSITIVE_GAIN:
                kind, colour = "positive", "#a9cce3"
            if row == column:
                kind, colour = "", "white"
            axes.barh(row, 1, 1, left=column - 0.5, color=colour, edgecolor="white")
            axes.text(column, row, f"{gain:.2f}\n{kind}", ha="center", va="center", fontsize=7.5)
    axes.set(xticks=range(6), yticks=range(6), xlim=(-0.5, 5.5), ylim=(5.5, -0.5))
    axes.set_xticklabels(names, fontsize=8)
    axes.set_yticklabels(names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def lift(axes: Axes) -> None:
    """Draw nDCG@10 of some embeddings on one line, with the scale of lift below."""
    said = re.search(r"Chance\s+is\s+([\d.]+)\s+in\s+nDCG@10,\s+the\s+frozen\s+backbone\s+([\d.]+)", RESULTS)
    if said is None:
        raise LookupError("docs/results.md does not say chance and the frozen backbone")
    chance, frozen = float(said[1]), float(said[2])
    rows = {
        "`triplet_baseline`": "triplet\nbaseline",
        "`classifier`": "classifier",
        "`head`:": "head",
        "`best`": "best",
    }
    values = {"chance": chance, "frozen": frozen} | {name: first(table_row(start)[1]) for start, name in rows.items()}
    axes.hlines(0, chance - 0.005, 0.345, color=GREY, linewidth=1)
    for at, (name, value) in enumerate(values.items()):
        up = 0.5 if at % 2 else 0.22
        axes.plot([value, value], [0, up], color=GREY, linewidth=0.8)
        axes.plot(value, 0, "o", color=GREY if at < 2 else BLUE)
        axes.text(value, up + 0.03, f"{name}\n{value:.4f}", ha="center", fontsize=8)
    for level in (0, 0.5, 1, 1.5):
        at = chance + level * (frozen - chance)
        axes.plot([at, at], [-0.25, -0.18], color=RED, linewidth=1)
        axes.text(at, -0.4, f"lift {level:g}", ha="center", fontsize=8, color=RED)
    axes.set(ylim=(-0.5, 0.85), xlim=(chance - 0.012, 0.35))
    axes.axis("off")


def phases(axes: Axes) -> None:
    """Draw what is computed and what is trained in each phase."""
    for y, label, boxes in (
        (
            1,
            "head",
            [("posters", GREY), ("backbone\n(frozen)", GREY), ("features\n(cached once)", GREEN), ("head", BLUE)],
        ),
        (0, "fine-tuning", [("posters,\naugmented", GREY), ("backbone", BLUE), ("features", GREY), ("head", BLUE)]),
    ):
        axes.text(-0.3, y, label, ha="right", va="center", fontsize=10)
        for x, (name, colour) in enumerate([*boxes, ("embedding,\nloss", GREY)]):
            _box(axes, x * 1.6, y, name, colour)
            if x:
                _arrow(axes, (x * 1.6 - 0.55, y), (x * 1.6, y))
    axes.text(3.7, -0.62, "blue: trained · green: computed once, shared by all runs", ha="center", fontsize=8.5)
    axes.set(xlim=(-1.5, 7.7), ylim=(-0.8, 1.5))
    axes.axis("off")


def splits(axes: Axes) -> None:
    """Draw posters that are joined into units, and units that are dealt to splits."""
    units = [
        ("train", 3, "one film:\nthree posters"),
        ("train", 1, ""),
        ("val", 2, "near-duplicates"),
        ("train", 1, ""),
    ]
    units += [("test", 4, "a film, and near-\nduplicates of one of its posters"), ("train", 2, ""), ("test", 1, "")]
    colours, x = {"train": BLUE, "val": GREEN, "test": RED}, 0.0
    for split, count, why in units:
        axes.add_patch(
            FancyBboxPatch((x, 0.5), count * 0.55, 1, boxstyle="round,pad=0.06", fill=False, color=colours[split])
        )
        for at in range(count):
            axes.barh(1, 0.42, 0.75, left=x + 0.065 + at * 0.55, color=colours[split], alpha=0.75)
        axes.text(x + count * 0.275, 0.05, split, ha="center", fontsize=9, color=colours[split])
        axes.text(x + count * 0.275, 1.68, why, ha="center", fontsize=8)
        x += count * 0.55 + 0.35
    axes.set(xlim=(-0.2, x), ylim=(-0.2, 2.3))
    axes.axis("off")


def beyond_genre(axes: Axes) -> None:
    """Draw what the recipes keep or gain beyond genre, each beside its own frozen backbone, seed 0."""
    starts = {"same film, all": "same film,\nall", "same film, test": "same film,\ntest"}
    starts |= {"watched together, all": "watched together,\nall", "watched together, test": "watched together,\ntest"}
    names = [name.strip("`") for name in table_row("| Lite0 frozen")]
    for place, (name, colour) in enumerate(zip(names, (GREY, BLUE, "#bbbbbb", GREEN), strict=True)):
        values = [first(table_row(start)[1 + place]) for start in starts]
        x = [at + 0.21 * (place - 1.5) for at in range(len(values))]
        bars = axes.bar(x, values, 0.2, color=colour, label=name)
        axes.bar_label(bars, fmt="%.3f", fontsize=7)
    axes.set(xticks=range(len(starts)), ylim=(0, 0.62), ylabel="recall@10, or nDCG@10")
    axes.set_xticklabels(list(starts.values()), fontsize=8)
    axes.legend(ncols=4, fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    axes.add_patch(
        FancyBboxPatch((x, y - 0.25), 1, 0.5, boxstyle="round,pad=0.04", facecolor="white", edgecolor=colour)
    )
    axes.text(x + 0.5, y, text, ha="center", va="center", fontsize=8, color=colour)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=GREY))
