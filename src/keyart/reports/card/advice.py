"""Suggested starting values for hyperparameters, derived from measurements of a catalogue.

Each suggestion states its measurement, the paper behind its rule, and what is not known. None of the values was
tried: they are starting points for a sweep, and the sweep decides.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from keyart.runs.evaluation.metric_names import metric_name

PAPER_MARGINS = (36, 55)
"""Margins in degrees that Wang et al. found useful for the angular loss."""

LEAST_MARGIN, MOST_MARGIN = 1, 80
"""Smallest and largest margin in degrees that the angular loss accepts."""

MAX_ENLARGED = 1.25


def suggest_settings(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Suggest starting values from a card's facts.

    Args:
        facts: The facts measured so far: ``intrinsic_dimension``, ``labels``, ``cleanliness``, ``detail``, ``angles``,
            ``image_size``, ``posters``, ``backbone``.

    Returns:
        ``input_size``, ``backbone``, ``embedding_size`` and ``margin``: each with ``start`` (the values to set),
        ``measured`` (the measurement on this catalogue), ``source`` (the source of the rule) and ``unknown`` (what was
        not measured).
    """
    return {
        "input_size": _input_size(facts),
        "backbone": _backbone(facts),
        "embedding_size": embedding_size(facts),
        "margin": margin(facts),
    }


def _input_size(facts: Mapping[str, Any]) -> dict[str, Any]:
    height, width = facts["image_size"]
    native = facts["cleanliness"]["native_size"]["median"]
    kept = facts["detail"]
    found = ", ".join(f"{size} keeps {share:.0%}" for size, share in kept.items())
    measured = f"of the gradients' energy at {height}×{width}, {found}" if found else ""
    start = [height, width]
    if native:
        scale = min(native[1] / height, native[0] / width)
        measured = f"files are {native[0]}×{native[1]} pixels (median width × height); {measured}"
        if scale > MAX_ENLARGED:
            start = [math.floor(side * scale / 32) * 32 for side in (height, width)]
            measured += "; they hold more than that input shows"
    return {
        "start": {"data.image_size": start},
        "measured": measured,
        "source": "Touvron et al. 2019, arXiv 1906.06423: networks gain from somewhat larger images than they were "
        "trained on; beyond the files' own size there is nothing to gain",
        "unknown": "whether the lost detail says anything about genre: sweep data.image_size",
    }


def _backbone(facts: Mapping[str, Any]) -> dict[str, Any]:
    metric = facts["labels"]["metrics"]["ndcg@10"]
    frozen = facts["intrinsic_dimension"]["frozen"]
    posters = facts["posters"]
    value, chance = metric["frozen"], metric["chance"]
    sees = (
        f"{facts['backbone']} untrained reaches {metric_name('ndcg@10')} {value:.3f} where chance is {chance:.3f}"
        if value is not None and chance is not None
        else "too few labels to evaluate the frozen backbone"
    )
    dimension = frozen["mle"]["mean"]
    text = f"; its features have dimension {dimension:.0f}" if dimension else ""
    small = posters < 50_000
    start = (
        "a pretrained network of some 5 to 30 million weights, frozen, with a trained head"
        if small
        else ("a pretrained network of some 20 to 90 million weights; the head first, then fine-tuning")
    )
    return {
        "start": {"model": start},
        "measured": f"{posters:,} posters; {sees}{text}",
        "source": "Pope et al. 2021, arXiv 2104.08894: the images that a task needs grow with their intrinsic "
        "dimension; Kornblith et al. 2019, arXiv 1805.08974: better ImageNet networks transfer better",
        "unknown": "every other backbone: python train.py -m model=efficientnet_lite0,resnet50,convnext,vit "
        "experiment=head compares them on one split",
    }


def embedding_size(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Suggest an embedding size from the intrinsic dimension of frozen features.

    Estimates that could not be computed are ignored.
    """
    frozen = facts["intrinsic_dimension"]["frozen"]
    named = {"TwoNN": frozen["twonn"], "maximum likelihood": frozen["mle"]["mean"]}
    estimates = {name: value for name, value in named.items() if value}
    if not estimates:
        return {
            "start": {"model.embedding_size": 128},
            "measured": "too few posters for an estimate of dimension",
            "source": "the default",
            "unknown": "everything: sweep model.embedding_size",
        }
    found = ", ".join(f"{name} {value:.1f}" for name, value in estimates.items())
    needed = 2 * max(estimates.values()) + 1
    start = 2 ** max(5, math.ceil(math.log2(needed)))
    most = frozen["pca"]["95"]
    return {
        "start": {"model.embedding_size": start, "sweep": [start // 2, start, 2 * start]},
        "measured": f"frozen features: {found}; {most} principal components hold 95% of their variance",
        "source": f"Sauer, Yorke and Casdagli 1991 (after Whitney 1936): 2d + 1 numbers, here {needed:.0f}, hold a set "
        "of dimension d without folding it; the next power of two",
        "unknown": "how much of that dimension genre needs: estimates are of the look as the frozen backbone sees it, "
        "and err on the low side",
    }


def margin(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Suggest a margin for the angular loss: about 5% of the measured triplets exceed it."""
    angles = facts["angles"]
    low, high = PAPER_MARGINS
    paper = f"Wang et al. 2017, arXiv 1708.01682: {low}° to {high}° were useful on their images"
    if not angles["beyond"]:
        return {
            "start": {"loss.margin": 36, "sweep": [30, 36, 40, 45, 50], "loss": "angular"},
            "measured": "no triplets of positives and negatives",
            "source": f"{paper}; 36° is the loss's default",
            "unknown": "everything: sweep loss.margin by val/ndcg@10",
        }
    start = _degrees(angles["95%"])
    sweep = sorted({_degrees(angle) for angle in np.linspace(angles["median"], angles["99%"], 5)})
    shares = ", ".join(f"{margin}° {share:.1%}" for margin, share in angles["beyond"].items())
    where = "below" if start < low else "above" if start > high else "inside"
    return {
        "start": {"loss.margin": start, "sweep": sweep, "loss": "angular"},
        "measured": f"in frozen features, centred, triplets have angles of {angles['median']:.1f}° (median; 5 to 95%: "
        f"{angles['5%']:.1f}° to {angles['95%']:.1f}°; the largest {angles['largest']:.1f}°); beyond each margin lie: "
        f"{shares}. About 5% lie beyond {start}°: the loss begins with these, the worst. Far below the median nearly "
        "every triplet asks for more at once; a margin beyond the largest angle is met before training, and only the "
        "tail of the soft hinge still pulls",
        "source": f"the measurement. {paper}; {start}° is {where} that range. Unrelated directions have "
        "arctan(1/√3) = 30°",
        "unknown": "the best margin depends on the sampler and the miner too, and the angles change in training: sweep "
        "it by val/ndcg@10",
    }


def _degrees(angle: float) -> int:
    """Round an angle to whole degrees within the margin range of the angular loss."""
    return min(max(round(float(angle)), LEAST_MARGIN), MOST_MARGIN)
