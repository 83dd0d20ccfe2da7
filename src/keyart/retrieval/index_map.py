"""The map: every poster of an index as a point of the plane."""

from collections.abc import Callable
from hashlib import blake2b

import faiss
import numpy as np
import numpy.typing as npt

from keyart.retrieval.projection import project, sample_evenly
from keyart.retrieval.searchable import Searchable
from keyart.utils.cache import cache_folder, load_array, save_array
from keyart.utils.vectors import normalise_rows

VERSION = 1
NEAREST = 4
"""Number of projected posters among which another one is placed."""
SHARPNESS = 20.0
"""Weight of a projected poster: exp(SHARPNESS · cosine)."""
_BLOCK = 16_384


def project_index(index: Searchable, report: Callable[[int, int], None] | None = None) -> npt.NDArray[np.uint16]:
    """Return the place of each poster on the map.

    Up to 1,500 posters are projected by t-SNE (`keyart.retrieval.projection.project`). Each other one is placed between
    the `NEAREST` of them, weighted by similarity, with a small fixed offset so that points do not coincide. The result
    is cached.

    Args:
        index: The index.
        report: Called with the number of posters that are placed, and that of all.

    Returns:
        (N, 2) uint16: x to the right and y downwards, 0 to 65,535, with the same unit.
    """
    chosen = sample_evenly(len(index))
    vectors = normalise_rows(index.vectors(chosen))
    digest = blake2b(f"{VERSION} {len(index)} ".encode() + vectors.tobytes(), digest_size=16).hexdigest()
    cached = cache_folder("maps") / f"{digest}.npy"
    if (known := load_array(cached, np.uint16, (len(index), 2))) is not None:
        return known
    points = project(vectors)
    projected = faiss.IndexFlatIP(vectors.shape[1])
    projected.add(vectors)
    places = np.zeros((len(index), 2))
    offsets = np.random.default_rng(0).normal(scale=0.004, size=places.shape)
    for start in range(0, len(index), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(index)))
        cosines, nearest = projected.search(index.vectors(rows), min(NEAREST, len(chosen)))
        weights = np.exp(SHARPNESS * cosines.astype(np.float64))
        places[rows] = (points[nearest] * (weights / weights.sum(1, keepdims=True))[..., None]).sum(1)
        if report is not None:
            report(int(rows[-1]) + 1, len(index))
    places += offsets
    places[chosen] = points
    scaled = (np.clip(places * [1, -1], -1.02, 1.02) / 1.02 + 1) / 2 * 65535
    done = scaled.round().astype(np.uint16)
    save_array(cached, done)
    return done
