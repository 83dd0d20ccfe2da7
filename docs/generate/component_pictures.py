"""Pictures of what miners select and what samplers draw."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from generate.loss_picture import DEGREES, circle, draw_points, toy_relations
from keyart.images import ClassBalancedSampler, MPerClassSampler, PKSampler, RandomSampler, Sampler
from keyart.losses import (
    DistanceWeightedMiner,
    HardMiner,
    Miner,
    MultiSimilarityMiner,
    NoMiner,
    PairMarginMiner,
    SemiHardMiner,
)

ANCHOR = 3
POSTERS, FREQUENCIES = 2000, (0.5, 0.25, 0.1, 0.05, 0.02)


def draw_miners(file: Path) -> None:
    """Draw the pairs that each miner selects for one anchor."""
    miners = (
        NoMiner(),
        HardMiner(),
        SemiHardMiner(),
        MultiSimilarityMiner(),
        PairMarginMiner(),
        DistanceWeightedMiner(),
    )
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    for axes, miner in zip(figure.subplots(2, 3).flat, miners, strict=True):
        _draw_pairs(axes, miner)
    figure.savefig(file, metadata={"Date": None})


def _draw_pairs(axes: Axes, miner: Miner) -> None:
    torch.manual_seed(0)
    points = circle(DEGREES)
    found = miner(points, toy_relations())
    positives, negatives = found.positive[ANCHOR].nonzero()[:, 0], found.negative[ANCHOR].nonzero()[:, 0]
    if found.triplets is not None:
        positives, negatives = found.triplets[1:, found.triplets[0] == ANCHOR]
    for others, colour, style in ((positives, "#1e8449", "-"), (negatives, "#c0392b", "--")):
        for x, y in points[others].tolist():
            axes.plot([float(points[ANCHOR, 0]), x], [float(points[ANCHOR, 1]), y], style, color=colour, linewidth=1.5)
    draw_points(axes, points, None)
    axes.plot(*points[ANCHOR].tolist(), "o", markersize=20, markerfacecolor="none", markeredgecolor="black")
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25))
    axes.set_title(miner.name, fontsize=9, family="monospace")


def draw_samplers(file: Path) -> None:
    """Draw how often each genre comes in the batches of each sampler, beside its frequency."""
    genres = np.random.default_rng(0).random((POSTERS, len(FREQUENCIES))) < FREQUENCIES
    sets = np.unique(genres, axis=0, return_inverse=True)[1].reshape(-1)
    samplers: dict[str, Sampler] = {
        "m_per_class": MPerClassSampler(genres, batch_size=128, m=4),
        "pk": PKSampler(genres, np.where(genres.any(1), sets, -1), batch_size=128, m=4),
        "class_balanced": ClassBalancedSampler(genres, batch_size=128),
        "random": RandomSampler(genres, batch_size=128),
    }
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    for axes, (name, sampler) in zip(figure.subplots(1, 4, sharey=True), samplers.items(), strict=True):
        visits = np.concatenate([sampler.batch(0, index) for index in range(sampler.batches_per_epoch)])
        _draw_shares(axes, genres.mean(0), genres[visits].mean(0))
        axes.set_title(name, fontsize=9, family="monospace")
    figure.savefig(file, metadata={"Date": None})


def _draw_shares(axes: Axes, split: Sequence[float], batches: Sequence[float]) -> None:
    places = np.arange(len(FREQUENCIES))
    axes.bar(places - 0.2, split, 0.4, color="#bbbbbb")
    axes.bar(places + 0.2, batches, 0.4, color="#2471a3")
    axes.set_xticks(places, "ABCDE")
    axes.spines[["top", "right"]].set_visible(False)
