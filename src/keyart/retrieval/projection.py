"""Projection of embeddings to two dimensions."""

import numpy as np
import numpy.typing as npt

from keyart.utils.vectors import normalise_rows

MAX_POINTS = 1500
"""Maximum number of posters on a map: Barnes-Hut t-SNE of this number takes about 2 s on one core."""

FEWEST_FOR_TSNE = 12
ANGLE = 0.8
"""Barnes-Hut angle: neighbours are preserved as well as with 0.5, in two thirds of the time."""


def sample_evenly(total: int, most: int = MAX_POINTS) -> npt.NDArray[np.int64]:
    """Return at most ``most`` of ``total`` positions, evenly spaced.

    Examples:
        >>> sample_evenly(10, 4).tolist()
        [0, 2, 5, 7]
    """
    return np.arange(total) if total <= most else np.arange(most) * total // most


def project(embeddings: npt.ArrayLike, *, iterations: int = 500, seed: int = 0) -> npt.NDArray[np.float64]:
    """Project embeddings to the plane so that near neighbours stay near (t-SNE, van der Maaten and Hinton 2008).

    The method computes the principal components (at most 50) of the L2-normalised rows, then Barnes-Hut t-SNE
    initialised with the first two (Kobak and Berens 2019). Fewer than twelve points are shown by their first two
    principal components. Distances between far groups have little meaning. The result is rotated so that its largest
    extent is horizontal.

    Args:
        embeddings: (N, E) embeddings.
        iterations: Iterations of gradient descent.
        seed: Seed of t-SNE.

    Returns:
        (N, 2) positions, centred, with x in [-1, 1] and a smaller range of y; all zero if all rows are equal.
    """
    rows = normalise_rows(embeddings).astype(np.float64)
    centred = rows - rows.mean(0) if len(rows) else rows
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    sign = np.sign(u[np.abs(u).argmax(0), np.arange(u.shape[1])]) if len(u) else 1.0
    scores = u * s * sign
    scores = scores[:, : min(50, scores.shape[1])]
    if scores.shape[1] < 2:
        scores = np.pad(scores, ((0, 0), (0, 2 - scores.shape[1])))
    spread = scores[:, :2].std() if len(scores) else 0.0
    if len(scores) < FEWEST_FOR_TSNE or not spread > 1e-9:
        return _to_unit(scores[:, :2])
    # Import late, because scikit-learn takes a second. Use one thread, because OpenMP's waiting threads cost more than
    # they save.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = (scores[:, :2] / scores[:, 0].std() * 1e-4).astype(np.float32)
    perplexity = min(30.0, (len(scores) - 1) / 3)
    with threadpool_limits(1):
        tsne = TSNE(2, perplexity=perplexity, init=start, max_iter=iterations, angle=ANGLE, random_state=seed)
        return _to_unit(tsne.fit_transform(scores.astype(np.float32)).astype(np.float64))


def _to_unit(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rotate points to their principal axes, centre them, and scale the larger half extent to 1."""
    if not len(points):
        return points
    centred = points - points.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
    turned = centred @ axes.T
    turned = np.pad(turned, ((0, 0), (0, 2 - turned.shape[1])))
    turned -= (turned.max(0) + turned.min(0)) / 2
    if np.ptp(turned[:, 1]) > np.ptp(turned[:, 0]):
        turned = turned[:, ::-1]
    reach = np.abs(turned).max()
    return turned / reach if reach > 1e-9 else np.zeros_like(turned)
