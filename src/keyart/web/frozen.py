"""Neighbours by the run's frozen backbone: what it finds before any training."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.runs.run import Run
from keyart.utils.vectors import normalise_rows


def frozen_features(run: Run, paths: Sequence[Path], report: Callable[[int, int], None]) -> npt.NDArray[np.float32]:
    """Return the (N, D) unit features of N images by a run's frozen backbone.

    They come from the feature cache where training has left them there.

    Args:
        run: The run.
        paths: The images.
        report: Called with the number of images that are done, and that of all.

    Raises:
        InputError: An image is missing or invalid.
    """
    from keyart.images.pixel_cache import open_pixels
    from keyart.models.embedder import load_frozen
    from keyart.models.feature_cache import cached_features

    pixels, _, bad = open_pixels(paths, run.image_size, progress=report)
    for at, why in bad.items():
        raise InputError(f"{paths[at]}: {why.kind} ({why.detail}); {why.fix}")
    backbone = load_frozen(run.folder / "embedder")
    precision = run.setting("training", "precision")
    features = cached_features(backbone, pixels, precision=precision, batch_size=32, progress=report)
    return normalise_rows(np.asarray(features[:, : backbone.num_features], dtype=np.float32))


def nearest_rows(
    vectors: npt.NDArray[np.float32], row: int, k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the k other rows of (N, D) unit vectors that are nearest to one, and their cosines."""
    cosines = vectors @ vectors[row]
    cosines[row] = -np.inf
    rows = np.lexsort((np.arange(len(cosines)), -cosines))[: min(k, len(cosines) - 1)]
    return rows, cosines[rows]
