"""Disk cache of the frozen backbone's features: computed once and shared by all runs that can use them."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from torch import Tensor

from keyart.models.backbone import Backbone, TimmBackbone
from keyart.models.embedder import feature_pieces, step_size, to_images
from keyart.models.precision import autocast_for, resolve_precision
from keyart.models.weights import digest
from keyart.utils.cache import cache_folder, load_array, locked, save_array

if TYPE_CHECKING:
    from keyart.images.pixel_cache import PixelCache

log = logging.getLogger(__name__)
#: Increased whenever the same weights and pixels would give different features.
FEATURES_VERSION = 1


def features_key(backbone: TimmBackbone, pixels: "PixelCache", precision: str) -> str:
    """Return a cache key for the features of ``pixels``; it changes whenever the features may change.

    It covers the hash of the weights, the architecture, pooling, normalisation, sizes and number format, and the
    content of the poster files and how they were decoded.

    Args:
        backbone: Its weights and description are hashed.
        pixels: Its `digest` identifies the posters.
        precision: ``fp32`` or ``bf16``.
    """
    record = {
        "version": FEATURES_VERSION,
        "weights": digest(backbone),
        "backbone": backbone.describe(),
        "input_size": backbone.input_size,
        "pixels": pixels.digest,
        "posters": len(pixels),
        "precision": precision,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]


def cached_features(
    backbone: Backbone,
    pixels: "PixelCache",
    *,
    cache_dir: Path | str | None = None,
    precision: str = "auto",
    batch_size: int = 32,
    device: torch.device | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return the frozen features of all posters from the cache; compute and store them if they are missing.

    Several processes may call this at once: one computes, the others wait for it. A process that is killed leaves no
    incomplete file that could be read. Features are stored in float32. Heads standardise them, and this would amplify
    the error of a coarser format in columns whose standard deviation is small compared with their mean.

    Of several networks side by side, each one's features are stored too, so that other combinations can use them.

    Args:
        backbone: The frozen backbone; used in evaluation mode.
        pixels: The posters.
        cache_dir: Root of the cache; None for the default.
        precision: ``auto``, ``fp32`` or ``bf16``.
        batch_size: Maximum number of posters per step (see `step_size`).
        device: Device for the computation; None for CUDA if available, else the CPU.
        progress: Called after each step with the number of finished posters and of all posters; not called if the cache
            has the features.

    Returns:
        (N, `Backbone.feature_dim`) float32, memory-mapped, read-only.

    Raises:
        InputError: The precision is unknown, or the cache cannot be written.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    precision = resolve_precision(device, precision)
    folder = cache_folder("features", cache_dir)
    networks = backbone.networks

    def of_network(which: int) -> np.ndarray:
        def report(done: int, total: int) -> None:
            if progress is not None:
                progress((which * total + done) // len(networks), total)

        network = networks[which]
        rows = partial(_compute, network, pixels, device, precision, batch_size, report)
        return _cached(folder, features_key(network, pixels, precision), (len(pixels), network.feature_dim), rows)

    if len(networks) == 1:
        return of_network(0)
    keys = [features_key(network, pixels, precision) for network in networks]
    key = hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:32]

    def joined() -> Iterator[Tensor]:
        each = [feature_pieces(of_network(which)) for which in range(len(networks))]
        yield from (backbone.combine(rows) for rows in zip(*each, strict=True))

    return _cached(folder, key, (len(pixels), backbone.feature_dim), joined)


def _cached(folder: Path, key: str, shape: tuple[int, int], rows: Callable[[], Iterator[Tensor]]) -> np.ndarray:
    """Return the features with this key, memory-mapped; ``rows`` yields them in pieces if they are missing."""
    path = folder / f"{key}.npy"

    def load() -> np.ndarray | None:
        return load_array(path, np.float32, shape, "r")

    def write(file: BinaryIO) -> None:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for some in rows():
            file.write(some.numpy().astype("<f4", copy=False).tobytes())

    if (found := load()) is None:
        with locked(folder / f"{key}.lock"):
            if (found := load()) is None:
                save_array(path, write, alone=True)
                found = load()
    assert found is not None
    return found


def _compute(
    network: TimmBackbone,
    pixels: "PixelCache",
    device: torch.device,
    precision: str,
    batch_size: int,
    progress: Callable[[int, int], None],
) -> Iterator[Tensor]:
    """Yield the features of all posters in pieces, on the CPU."""
    total = len(pixels)
    log.info("computing frozen features of %d posters by %s on %s in %s", total, network.name, device, precision)
    home, training = network.mean.device, network.training
    network.to(device).eval()
    step = step_size(batch_size, device)
    try:
        for start in range(0, total, step):
            stop = min(start + step, total)
            images = to_images(pixels.take(np.arange(start, stop)), device)
            with torch.inference_mode(), autocast_for(device, precision):
                features = network(images)
            yield features.cpu()
            progress(stop, total)
    finally:
        network.to(home).train(training)
