"""The map: every poster of an index as a point of the plane."""

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from keyart.retrieval.projection import project, sample_evenly
from keyart.retrieval.searchable import Searchable
from keyart.utils.cache import cache_folder, load_array, write_atomically
from keyart.utils.vectors import normalise_rows

VERSION = 1
NEAREST = 4
"""Number of projected posters among which another one is placed."""
SHARPNESS = 20.0
"""Weight of a projected poster: exp(SHARPNESS · cosine)."""
_BLOCK = 4096


def project_index(index: Searchable) -> npt.NDArray[np.uint16]:
    """Return the place of each poster on the map.

    Up to 1,500 posters are projected by t-SNE (`keyart.retrieval.projection.project`). Each other one is placed between
    the `NEAREST` of them, weighted by similarity, with a small fixed offset so that points do not coincide. The result
    is cached.

    Args:
        index: The index.

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
    places = np.zeros((len(index), 2))
    offsets = np.random.default_rng(0).normal(scale=0.004, size=places.shape)
    for start in range(0, len(index), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(index)))
        cosines = normalise_rows(index.vectors(rows)) @ vectors.T
        nearest = np.argpartition(-cosines, min(NEAREST, len(chosen)) - 1, axis=1)[:, :NEAREST]
        weights = np.exp(SHARPNESS * np.take_along_axis(cosines, nearest, 1).astype(np.float64))
        places[rows] = (points[nearest] * (weights / weights.sum(1, keepdims=True))[..., None]).sum(1)
    places += offsets
    places[chosen] = points
    scaled = (np.clip(places * [1, -1], -1.02, 1.02) / 1.02 + 1) / 2 * 65535
    done = scaled.round().astype(np.uint16)
    write_atomically(cached, lambda file: np.save(file, done))
    return done
