"""Baseline vectors that use no knowledge of films: random directions and colour histograms."""

import hashlib
from collections.abc import Iterable

import numpy as np


def random_vectors(ids: Iterable[str], size: int = 128, seed: int = 0) -> np.ndarray:
    """Return one random unit vector per id; an id always gets the same vector.

    Args:
        ids: N ids.
        size: Width D.
        seed: A different seed gives different vectors.

    Returns:
        (N, D) float32 unit vectors, uniform on the sphere.

    Examples:
        >>> bool((random_vectors(["tt1", "tt2"])[1] == random_vectors(["tt2"])[0]).all())
        True
    """
    rows = []
    for one in ids:
        key = hashlib.blake2b(f"{seed}:{one}".encode(), digest_size=16).digest()
        rows.append(np.random.Generator(np.random.PCG64(int.from_bytes(key, "little"))).standard_normal(size))
    vectors = np.array(rows, dtype=np.float64).reshape(len(rows), size)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def colour_histograms(pixels: np.ndarray, bins: int = 8, bands: int = 3) -> np.ndarray:
    """Compute joint colour histograms of horizontal bands; their cosine is the mean Bhattacharyya coefficient.

    Each band's joint RGB histogram is divided by its pixel count, then its square root is taken. The inner product of
    two bands is therefore Σ √(p q) (Bhattacharyya 1943): 1 for equal colours and 0 for colours that share no bin.

    Args:
        pixels: (N, H, W, 3) uint8; may be memory-mapped.
        bins: Bins per channel, a power of two up to 256.
        bands: Number of horizontal bands that a poster is cut into; at most H.

    Returns:
        (N, bands · bins³) float32 unit vectors.

    Raises:
        ValueError: The shape, dtype, ``bins`` or ``bands`` is not as described above.

    Examples:
        >>> colour_histograms(np.zeros((1, 4, 4, 3), np.uint8), bins=2, bands=1)
        array([[1., 0., 0., 0., 0., 0., 0., 0.]], dtype=float32)
    """
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels must be (N, H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")
    if bins not in (1, 2, 4, 8, 16, 32, 64, 128, 256) or not 1 <= bands <= pixels.shape[1]:
        raise ValueError(f"bins={bins}, bands={bands}: bins a power of two up to 256, bands from 1 to the height")
    bits = bins.bit_length() - 1
    cells = bins**3
    band = np.repeat(np.arange(bands), np.diff(np.linspace(0, pixels.shape[1], bands + 1).astype(int)))
    offset = (band * cells)[:, None]
    sizes = np.repeat(np.bincount(band) * pixels.shape[2], cells)
    out = np.empty((len(pixels), bands * cells), dtype=np.float32)
    for i in range(len(pixels)):
        level = (np.asarray(pixels[i]) >> (8 - bits)).astype(np.int64)
        code = (((level[..., 0] << bits) | level[..., 1]) << bits | level[..., 2]) + offset
        out[i] = np.sqrt(np.bincount(code.ravel(), minlength=bands * cells) / sizes / bands)
    return out
