"""The page of the metrics: formula, chance, picture and example of each, from the functions that declare them."""

from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from generate.docstrings import to_markdown
from generate.markdown import section
from keyart.metrics import DEFAULT_METRICS, METRICS, evaluate_retrieval

INTRO = """Each poster searches all other posters; ties are broken by id. A poster is relevant to another with a
[gain](../concepts/relevance.md) of at least 0.5, unless the metric says otherwise. Queries for which nothing is
relevant are left out, and counted. Each metric has a *chance* level, its expected value under a random ranking, by a
formula. `evaluation.metrics=[ndcg@10,map]` chooses metrics, with any number for K; where none are chosen, these are
computed:"""
PICTURE = """The same ranking of one query, as each metric reads it: 24 posters by cosine, nearest first, darker where
their gain is higher. Grey ranks are not read. On the right, the value and what chance gives."""
SHOWN = ("ndcg@10", "precision@10", "recall@1", "recall@10", "map", "map@r", "map@10")
EXAMPLE = """```python
import torch
import keyart

embeddings = torch.randn(50, 64)
labels = torch.randint(0, 2, (50, 5))
result = keyart.metrics.evaluate_retrieval(embeddings, labels, metrics=["{name}"]{more})
for name, value in result.summary.items():
    print(name, value, result.chance[name])
```"""


def pages(folder: Path) -> dict[str, str]:
    """Return the page of all metrics, and draw its picture into a folder."""
    _draw(folder / "metrics.svg")
    defaults = ", ".join(f"`{name}`" for name in DEFAULT_METRICS) + "."
    picture = f"{PICTURE}\n\n![Ranks that each metric reads](metrics.svg)"
    return {"metrics": section("Metrics", INTRO, defaults, picture, level=1) + "".join(map(_section, METRICS))}


def example(name: str) -> str:
    """Return lines of Python that compute one metric."""
    years = ", years=torch.arange(1950.0, 2000).numpy()" if name.endswith("decade") else ""
    return EXAMPLE.format(name=name.replace("K", "10"), more=years)


def _section(name: str) -> str:
    module, _, function = METRICS[name].rpartition(".")
    said = to_markdown(getattr(import_module(module), function), headings=False).removeprefix("Declare ")
    return section(f"`{name}`", said, example(name))


def _draw(file: Path) -> None:
    """Draw one ranking as each metric reads it."""
    hot = torch.tensor([[1, 1, 0]] + [[1, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0]] * 4)
    angles = np.linspace(0, 2, len(hot))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    result = evaluate_retrieval(vectors, hot, metrics=SHOWN, queries=np.array([0]))
    shared = (hot[1:] & hot[0]).sum(dim=1).double()
    gains = (shared / ((hot[1:] | hot[0]).sum(dim=1))).tolist()
    relevant = sum(gain >= 0.5 for gain in gains)
    figure = Figure(figsize=(8, 2.9))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-4.5, 30.5), ylim=(len(SHOWN), -1.2))
    axes.axis("off")
    axes.text(24.6, -0.4, "value", fontsize=9)
    axes.text(27.6, -0.4, "chance", fontsize=9)
    for row, name in enumerate(SHOWN):
        cut = name.partition("@")[2]
        depth = relevant if cut == "r" else int(cut or len(gains))
        axes.text(-0.3, row + 0.5, name, ha="right", va="center", fontsize=9)
        axes.text(24.6, row + 0.5, f"{result.summary[name]:.3f}", va="center", fontsize=9)
        axes.text(27.6, row + 0.5, f"{result.chance[name]:.3f}", va="center", fontsize=9)
        for rank, gain in enumerate(gains):
            seen = gain if name.startswith("ndcg") else float(gain >= 0.5)
            colour = (1 - 0.8 * seen, 1 - 0.5 * seen, 1.0) if rank < depth else "#ddd"
            axes.barh(row + 0.5, 0.9, 0.85, left=rank, color=colour, edgecolor="#888", linewidth=0.5)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
