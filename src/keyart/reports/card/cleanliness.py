"""The cleanliness part of a dataset card: audit results as plain values."""

from typing import Any

import numpy as np

from keyart.catalogue.leaks import expected_leakage
from keyart.catalogue.stratify import connected_groups
from keyart.images.audit import Audit, Positions, groups_of
from keyart.images.check import TEST, TRAIN
from keyart.images.posters import Posters
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.neighbours import exact_neighbours

LOOKALIKES = 12
"""Number of similar pairs shown: those with the highest cosine of frozen features and in no common group."""


def summarise_cleanliness(posters: Posters, audit: Audit, frozen: np.ndarray) -> tuple[dict[str, Any], list[Positions]]:
    """Collect duplicates, odd posters and faults by id, and estimate the leak of an unguarded random split.

    Args:
        posters: The N usable posters, and the problems of the others.
        audit: The audit of these posters.
        frozen: (N, F) features of a frozen backbone.

    Returns:
        The plain values, and the look-alikes as pairs of positions, most similar first.
    """
    ids = posters.catalogue.ids
    alike, cosines = lookalikes(frozen, posters.groups)

    def named(positions: Positions) -> list[str]:
        return [str(ids[at]) for at in positions]

    films = groups_of(connected_groups(posters.groups, posters.catalogue.films))
    heights = audit.sizes[audit.sizes.min(1) > 0]
    record = {
        "exact_duplicates": [named(group) for group in audit.exact],
        "near_duplicates": [named(group) for group in audit.near],
        "lookalikes": [
            {"ids": named(pair), "cosine": round(float(cosine), 4)} for pair, cosine in zip(alike, cosines, strict=True)
        ],
        "blank": named(audit.blank),
        "grey": named(audit.grey),
        "tiny": named(audit.tiny),
        "landscape": named(audit.landscape),
        "corrupt": [
            {"row": p.row, "id": p.id, "file": p.file, "kind": p.kind, "detail": p.detail} for p in posters.skipped
        ],
        "native_size": {
            "median": [int(side) for side in np.median(heights, axis=0)] if len(heights) else None,
            "shortest_side_5%": float(np.quantile(heights.min(1), 0.05)) if len(heights) else None,
        },
        "leak": {
            "train": TRAIN,
            "test": TEST,
            "test_posters": round(TEST * len(ids)),
            "expected": expected_leakage([len(group) for group in audit.near], len(ids), TRAIN, TEST),
            "expected_with_films": expected_leakage([len(group) for group in films], len(ids), TRAIN, TEST),
            "in_column_split": _parted(posters),
        },
    }
    return record, alike


def lookalikes(frozen: np.ndarray, groups: np.ndarray, most: int = LOOKALIKES) -> tuple[list[Positions], list[float]]:
    """Find the pairs with the most similar frozen features that share no near-duplicate group, most similar first.

    These pairs include other prints of one artwork (cropped, recoloured, with other lettering). Pixels alone cannot
    prove that they show the same artwork.
    """
    import torch

    vectors = torch.from_numpy(np.array(frozen, dtype=np.float32))
    nearest = exact_neighbours(vectors, vectors, 1, exclude=Exclusion(groups, groups))
    cosines, others = nearest.similarity[:, 0].numpy(), nearest.positions[:, 0].numpy()
    pairs: dict[tuple[int, int], float] = {}
    for at in np.argsort(-cosines, kind="stable"):
        if len(pairs) == most or others[at] < 0:
            break
        first, second = sorted((int(at), int(others[at])))
        pairs.setdefault((first, second), float(cosines[at]))
    return [np.array(pair) for pair in pairs], list(pairs.values())


def _parted(posters: Posters) -> int | None:
    """Count the test posters of the table's own split that have a near-duplicate in train; None without a split."""
    split = posters.catalogue.split
    if split is None:
        return None
    trained = set(posters.groups[split == "train"].tolist())
    return sum(group in trained for group in posters.groups[split == "test"].tolist())
