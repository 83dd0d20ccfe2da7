"""The label part of a dataset card: genre statistics as plain values."""

import math
from typing import Any

import numpy as np
import torch

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.relevance import Relevance, distinct_sets, positive_mask
from keyart.images.audit import Positions
from keyart.images.posters import Posters
from keyart.metrics.result import RetrievalResult
from keyart.reports.card.label_suspects import LabelIssues
from keyart.runs.evaluation.posters import evaluate_embeddings

TOP_SETS = 15
MAX_SUSPECTS = 50
LIKELY = 3


def summarise_labels(catalogue: Catalogue) -> dict[str, Any]:
    """Return counts, sets, co-occurrence and imbalance of genres, and the similarity of random pairs.

    ``imbalance`` follows Charte et al. 2015 (Neurocomputing 163): the ratio of a genre is the count of the most
    frequent genre divided by its own count. The result has the largest and the mean ratio, and the evenness: the
    entropy of the counts divided by its maximum.
    """
    genres = catalogue.genres
    counts = genres.sum(0)
    order = np.argsort(-counts, kind="stable")
    names = catalogue.genre_names
    sizes = genres.sum(1)
    sets, _, held = distinct_sets(genres)
    by_count = torch.argsort(-held, stable=True)
    present = counts[counts > 0]
    shares = present / present.sum()
    evenness = float(-(shares * np.log(shares)).sum() / math.log(len(present))) if len(present) > 1 else 0.0
    both = genres[:, order].astype(np.int64)
    return {
        "posters": len(catalogue),
        "genres": {names[g]: int(counts[g]) for g in order},
        "genres_per_poster": {
            "mean": float(sizes.mean()),
            **{str(size): int(n) for size, n in zip(*np.unique(sizes, return_counts=True), strict=True)},
        },
        "genre_sets": {
            "distinct": len(sets),
            "held_by_one": int((held == 1).sum()),
            "commonest": [
                {"genres": [names[g] for g in np.flatnonzero(sets[at].numpy())], "posters": int(held[at])}
                for at in by_count[:TOP_SETS]
            ],
        },
        "co_occurrence": {"genres": [names[g] for g in order], "posters": (both.T @ both).tolist()},
        "imbalance": {
            "largest": float(present.max() / present.min()),
            "mean": float((present.max() / present).mean()),
            "evenness": evenness,
        },
        "random_pairs": random_pairs(genres),
    }


def random_pairs(genres: np.ndarray) -> dict[str, float | None]:
    """Return the shares of all pairs of different posters that share a genre, have the same set, or are positive."""
    sets, _, held = distinct_sets(torch.from_numpy(genres))
    gain = Relevance("jaccard")(sets, sets).double()
    weight = held[:, None].double() * held[None].double() - torch.diag(held.double())
    total = float(weight.sum())
    if not total:
        return {"share_a_genre": None, "same_set": None, "positive": None, "mean_jaccard": None}
    return {
        "share_a_genre": float(weight[gain > 0].sum()) / total,
        "same_set": float(weight[gain == 1].sum()) / total,
        "positive": float(weight[positive_mask(gain)].sum()) / total,
        "mean_jaccard": float((weight * gain).sum()) / total,
    }


def summarise_metrics(frozen: np.ndarray, posters: Posters) -> dict[str, dict[str, float | None]]:
    """Return chance level and frozen-feature value of each retrieval metric, without the ``/dedup`` variants."""
    result: RetrievalResult = evaluate_embeddings(frozen, posters, "jaccard")
    record = {}
    for name, value in result.summary.items():
        if "/dedup" not in name:
            chance = result.chance[name]
            record[name] = {
                "chance": chance if math.isfinite(chance) else None,
                "frozen": value if math.isfinite(value) else None,
            }
    return record


def summarise_suspects(suspects: LabelIssues, catalogue: Catalogue, most: int = MAX_SUSPECTS) -> list[dict[str, Any]]:
    """Return the most suspicious posters with their labelled and their likeliest genres, each with its probability."""
    parts = []
    for at in suspects.order[:most]:
        p = suspects.probabilities[at]
        likely = np.argsort(-p, kind="stable")[:LIKELY]
        parts.append(
            {
                "id": str(catalogue.ids[at]),
                "misfit": round(float(suspects.scores[at]), 3),
                "given": {
                    catalogue.genre_names[g]: round(float(p[g]), 3) for g in np.flatnonzero(catalogue.genres[at])
                },
                "likely": {catalogue.genre_names[g]: round(float(p[g]), 3) for g in likely},
            }
        )
    return parts


def disagreeing(catalogue: Catalogue, groups: list[Positions]) -> list[dict[str, Any]]:
    """Return the near-duplicate groups whose posters have different genres: at most one label can be right."""
    return [
        {str(catalogue.ids[at]): catalogue.genre_text(int(at)).split(", ") for at in group}
        for group in groups
        if len(np.unique(catalogue.genres[group], axis=0)) > 1
    ]
