"""The embedding in two dimensions."""

import numpy as np
import numpy.typing as npt

from keyart.utils.vectors import unit_rows

MOST_POINTS = 1500
"""Beyond it every n-th poster is shown: Barnes-Hut takes about 2 s of one core for as many."""

FEWEST_FOR_TSNE = 12
ANGLE = 0.8
"""How coarsely far posters are summed up: neighbours are kept as well as at 0.5, in two thirds of the time."""


def sample_evenly(total: int, most: int = MOST_POINTS) -> npt.NDArray[np.int64]:
    """At most ``most`` positions out of ``total``, evenly spaced.

    Examples:
        >>> sample_evenly(10, 4).tolist()
        [0, 2, 5, 7]
    """
    return np.arange(total) if total <= most else np.arange(most) * total // most


def project(embeddings: npt.ArrayLike, *, iterations: int = 500, seed: int = 0) -> npt.NDArray[np.float64]:
    """Lay embeddings out in the plane so that near neighbours stay near (t-SNE, van der Maaten and Hinton 2008).

    Principal components (at most 50) of the L2-normalised rows, then Barnes-Hut t-SNE started from the first two
    (Kobak and Berens 2019). Fewer than twelve points are shown by their first two principal components. Distances
    between far groups mean little. The result is turned so that it is widest from left to right.

    Args:
        embeddings: (N, E).
        iterations: Of gradient descent.
        seed: For t-SNE's own draws.

    Returns:
        (N, 2), centred, x within [-1, 1] and y within less; all zero where the rows do not differ.
    """
    rows = unit_rows(embeddings).astype(np.float64)
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
    # Imported late: scikit-learn takes a second. One thread: OpenMP's waiting threads cost more than they give.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    start = (scores[:, :2] / scores[:, 0].std() * 1e-4).astype(np.float32)
    perplexity = min(30.0, (len(scores) - 1) / 3)
    with threadpool_limits(1):
        tsne = TSNE(2, perplexity=perplexity, init=start, max_iter=iterations, angle=ANGLE, random_state=seed)
        return _to_unit(tsne.fit_transform(scores.astype(np.float32)).astype(np.float64))


def _to_unit(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turned to the principal axes, centred on the extent, and scaled by the wider half of it."""
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
