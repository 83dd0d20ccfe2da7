"""Image complexity: Shannon entropy, GLCM entropy and delentropy of grey levels.

The measures follow Rahane and Subramanian, "Measures of Complexity for Large Scale Image Datasets" (2020, arXiv
2008.04431). The values depend on the preprocessing, so it is fixed here: the caller resizes the image (and reports the
size), the image is converted to grey by ITU-R 601 (L = 0.299 R + 0.587 G + 0.114 B, rounded to 0 … 255, as Pillow's
mode ``L``), and there is no smoothing. All entropies are in bits. The entropy of a histogram cannot exceed the
logarithm of its number of pixels, so compare only images of the same size.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from keyart.images.pixel_cache import PixelCache, Progress
from keyart.utils.cache import load_array, save_array

Grey = npt.NDArray[np.uint8]
MEASURES = ("shannon", "glcm", "delentropy")
LEVELS = 256
_VERSION = 1  # increase it if the same pixels give other values
_STEP = 64


def to_grey(image: npt.NDArray[np.uint8]) -> Grey:
    """Convert (H, W, 3) RGB to grey levels; (H, W) is already grey and is returned unchanged."""
    return image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))


def shannon_entropy(grey: Grey) -> float:
    """Return −Σ p log2 p over the 256 grey levels, from 0 (flat) to 8 bits (all levels equally frequent).

    Examples:
        >>> shannon_entropy(np.array([[0, 255], [255, 0]], dtype=np.uint8))
        1.0
    """
    return _entropy(np.bincount(grey.ravel(), minlength=LEVELS))


def glcm_entropy(grey: Grey) -> float:
    """Return the mean entropy of two grey-level co-occurrence matrices (Haralick, Shanmugam and Dinstein 1973).

    The two matrices count how often level i has level j as its right neighbour, and as its lower neighbour, at distance
    1, over 256 × 256 pairs of levels without quantisation. The result is the mean of their entropies −Σ p log2 p. It is
    between 0 and about twice the Shannon entropy of the grey levels.

    Args:
        grey: (H, W), at least 2 × 2.
    """
    wide = grey.astype(np.int32) * LEVELS
    right = np.bincount((wide[:, :-1] + grey[:, 1:]).ravel())
    below = np.bincount((wide[:-1] + grey[1:]).ravel())
    return (_entropy(right) + _entropy(below)) / 2


def delentropy(grey: Grey) -> float:
    """Return the delentropy (Larkin, "Reflections on Shannon Information", 2016, arXiv 1609.01117).

    It is −½ Σ p log2 p of the deldensity, the joint histogram of the gradient's two components. The gradient is
    computed by central differences over two pixels, f_x = L(x+1, y) − L(x−1, y) and f_y likewise, on the (H−2) × (W−2)
    inner pixels where both exist. Both components are integers from −255 to 255, with one bin each (511 × 511). The
    factor ½ is Larkin's, from Papoulis' generalised sampling: the gradient's two components contain every pixel twice.
    The delentropy is 0 for a flat image and for a uniform ramp, whose gradient is constant (also for a checkerboard of
    single pixels, which a central difference cannot detect). It is at most ½ log2 of the number of inner pixels.

    Args:
        grey: (H, W), at least 3 × 3.
    """
    level = grey.astype(np.int32)
    across = level[1:-1, 2:] - level[1:-1, :-2]
    down = level[2:, 1:-1] - level[:-2, 1:-1]
    return _entropy(np.bincount(((across + 255) * 511 + (down + 255)).ravel())) / 2


def measure(images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
    """Return (N, 3) entropies of images, in the order of `MEASURES`.

    Args:
        images: (H, W, 3) RGB or (H, W) grey uint8 images, all of one size.
    """
    functions: tuple[Callable[[Grey], float], ...] = (shannon_entropy, glcm_entropy, delentropy)
    rows = [[function(grey) for function in functions] for grey in map(to_grey, images)]
    return np.array(rows, dtype=np.float64).reshape(-1, len(functions))


def measured_complexity(pixels: PixelCache, progress: Progress | None = None) -> npt.NDArray[np.float64]:
    """Return (N, 3) entropies of posters at their cached size, with a cache beside the pixels, keyed by their digest.

    Args:
        pixels: N posters.
        progress: Called with (done, total); not called if the result is cached.
    """
    path = pixels.folder / f"complexity-{pixels.digest}-v{_VERSION}.npy"
    if (known := load_array(path, np.float64, (len(pixels), len(MEASURES)))) is not None:
        return known
    starts = range(0, len(pixels), _STEP)
    parts = []
    with ThreadPoolExecutor(2) as pool:
        work = pool.map(lambda start: measure(pixels[i] for i in range(start, min(start + _STEP, len(pixels)))), starts)
        for start, part in zip(starts, work, strict=True):
            parts.append(part)
            if progress is not None:
                progress(min(start + _STEP, len(pixels)), len(pixels))
    table = np.concatenate(parts) if parts else np.empty((0, len(MEASURES)))
    save_array(path, table)
    return table


def at_size(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize the whole image to (height, width), bicubic with antialiasing, without keeping the aspect ratio; RGB."""
    picture = Image.fromarray(image).convert("RGB")
    if picture.size == (size[1], size[0]):
        return np.asarray(picture)
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC))


@cache
def _products(most: int) -> npt.NDArray[np.float64]:
    """Return the products c · log2 c of the integers c below ``most``."""
    counts = np.arange(most, dtype=np.float64)
    return counts * np.log2(np.maximum(counts, 1))


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    """Return −Σ p log2 p of counts, computed as log2 N − Σ c log2 c / N."""
    some = counts[counts > 0]
    total = int(some.sum())
    if not total:
        return 0.0
    # A table lookup takes a fifth of the time of computing the logarithms; only the few large counts are computed.
    small = some[some < 4096]
    large = some[some >= 4096].astype(np.float64)
    summed = float(_products(4096)[small].sum()) + float((large * np.log2(large)).sum())
    return max(float(np.log2(total)) - summed / total, 0.0)
