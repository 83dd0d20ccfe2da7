"""Disk cache of the closed-form parts of heads: fitted once and shared by all runs that can use them."""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from keyart.models.embedder import Embedder, transformed_features
from keyart.models.heads.base import Head
from keyart.models.heads.combined import CombinedHead
from keyart.utils.cache import cache_folder, load_array, locked, save_array

log = logging.getLogger(__name__)
#: Increased whenever the same head and features would give a different fit.
HEAD_CACHE_VERSION = 3


def fit_head(
    embedder: Embedder,
    features: np.ndarray,
    train: np.ndarray,
    genres: np.ndarray,
    *,
    cache_dir: Path | str | None = None,
) -> Tensor:
    """Fit an embedder's head to training posters, and transform the features of all posters.

    The projections of a combined head take seconds to compute, so they are cached on disk, with the transformed
    features.
    Several processes may call this at once: one computes, the others wait for it.

    Args:
        embedder: Its head is fitted in place; the initial weights do not change.
        features: (N, D) of all posters. If `cached_features` memory-mapped them, the results are stored in the same
            folder.
        train: (N,) bool, the posters to fit on.
        genres: (N, G) multi-hot.
        cache_dir: Root of the cache; None for the default.

    Returns:
        (N, C) float32, the result of `Embedder.transform` for the features.

    Raises:
        InputError: The cache cannot be written.
    """
    head = embedder.head
    if not (isinstance(head, CombinedHead) and isinstance(features, np.memmap)):
        head.fit(features[train], genres[train])
        return transformed_features(embedder, features)
    folder = cache_folder("features", cache_dir)
    name = f"{Path(str(features.filename)).stem}-{_fit_key(head, train, genres)}"
    fitted, transformed = folder / f"{name}-head.npy", folder / f"{name}.npy"

    def load() -> np.ndarray | None:
        created = load_array(transformed, np.float32, (len(features), None), "c")
        return created if created is not None and _load_buffers(head, fitted) else None

    if (found := load()) is None:
        with locked(folder / f"{name}.lock"):
            if (found := load()) is None:
                log.info("fitting the head's closed-form parts to %d posters", int(train.sum()))
                head.fit(features[train], genres[train])
                created = transformed_features(embedder, features).numpy()
                save_array(fitted, np.frombuffer(_buffers(head), dtype=np.uint8), alone=True)
                save_array(transformed, created, alone=True)
                found = load()
    assert found is not None
    return torch.from_numpy(found)


def _fit_key(head: Head, train: np.ndarray, genres: np.ndarray) -> str:
    record = json.dumps({"version": HEAD_CACHE_VERSION, **head.fitted_from()}, sort_keys=True)
    whole = hashlib.sha256(record.encode())
    for values in (train, genres):
        whole.update(np.ascontiguousarray(values, dtype=np.uint8).tobytes())
    return whole.hexdigest()[:32]


def _buffers(head: Head) -> bytes:
    from safetensors.torch import save

    return save({name: value.contiguous() for name, value in head.named_buffers()})


def _load_buffers(head: Head, path: Path) -> bool:
    """Load a head's fitted parts; return False if there are none, or if the file is damaged."""
    from safetensors.torch import load

    if (content := load_array(path, np.uint8, (None,))) is None:
        return False
    for name, value in load(content.tobytes()).items():
        owner, _, leaf = name.rpartition(".")
        # Assign instead of copy: some modules learn the size of a buffer only when they are fitted.
        setattr(head.get_submodule(owner), leaf, value)
    return True
