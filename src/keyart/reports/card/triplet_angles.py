"""Angles of triplets as the angular loss measures them, before training: how many exceed a margin."""

from collections.abc import Sequence

import numpy as np

from keyart.catalogue.relevance import POSITIVE_GAIN

MARGINS = (20, 25, 30, 36, 40, 45, 50, 55)
_TRIPLETS = 20_000


def triplet_angles(vectors: np.ndarray, genres: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the angles in degrees of random triplets that the angular loss (Wang et al. 2017) bounds by its margin.

    See arXiv 1708.01682. With anchor a, positive p, negative n and c = (a + p) / 2, the angle is
    arctan(‖a − p‖ / (2 ‖n − c‖)). The loss requires an angle below its margin. Triplets are drawn at random; positives
    and negatives follow from the Jaccard relevance. Vectors are centred and L2-normalised.

    Args:
        vectors: (N, D) vectors.
        genres: (N, G) multi-hot.
        seed: Seed of the draws.

    Returns:
        (T,) degrees; empty if there are no positives or no negatives.
    """
    rows = vectors - vectors.mean(0, dtype=np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(seed)
    anchors, others = rng.integers(0, len(rows), (2, 8 * _TRIPLETS))
    shared = (genres[anchors] & genres[others]).sum(1)
    either = (genres[anchors] | genres[others]).sum(1)
    pairs = np.flatnonzero((shared >= POSITIVE_GAIN * np.maximum(either, 1)) & (anchors != others))[:_TRIPLETS]
    # For each pair, choose a negative of the same anchor: the negative draws are sorted by anchor.
    negatives = np.flatnonzero(shared == 0)
    negatives = negatives[np.argsort(anchors[negatives], kind="stable")]
    start = np.searchsorted(anchors[negatives], anchors[pairs], side="left")
    stop = np.searchsorted(anchors[negatives], anchors[pairs], side="right")
    has = stop > start
    pairs, start, stop = pairs[has], start[has], stop[has]
    if not len(pairs):
        return np.zeros(0)
    chosen = others[negatives[start + (rng.random(len(start)) * (stop - start)).astype(np.int64)]]
    a, p, n = rows[anchors[pairs]], rows[others[pairs]], rows[chosen]
    far = np.linalg.norm(n - (a + p) / 2, axis=1)
    return np.degrees(np.arctan2(np.linalg.norm(a - p, axis=1), 2 * far))


def beyond(angles: np.ndarray, margins: Sequence[float] = MARGINS) -> dict[str, float]:
    """Return the share of angles that exceed each margin: the triplets that violate the loss's constraint."""
    return {f"{margin:g}": float((angles > margin).mean()) for margin in margins} if len(angles) else {}
