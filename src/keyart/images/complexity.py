"""How complex an image is: three entropies of its grey levels and of their changes.

After Rahane and Subramanian, "Measures of Complexity for Large Scale Image Datasets" (2020, arXiv 2008.04431). Values
depend on how the image is measured, so the measuring is fixed here: the image is brought to a size by the caller (which
tells it), turned grey by ITU-R 601 (L = 0.299 R + 0.587 G + 0.114 B, rounded to 0 … 255, as Pillow's mode ``L``), and
nothing is smoothed. All entropies are in bits. An entropy of a histogram cannot exceed the logarithm of the number of
pixels in it: compare images of one size only.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from keyart.images.pixel_cache import PixelCache, Progress
from keyart.utils.cache import write_atomically

Grey = npt.NDArray[np.uint8]
MEASURES = ("shannon", "glcm", "delentropy")
LEVELS = 256
_VERSION = 1  # raise it when the same pixels would be measured otherwise
_STEP = 64


def to_grey(image: npt.NDArray[np.uint8]) -> Grey:
    """Grey levels of (H, W, 3) RGB, or of (H, W), which already is grey."""
    return image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))


def shannon_entropy(grey: Grey) -> float:
    """−Σ p log2 p over the 256 grey levels, from 0 (flat) to 8 bits (all levels equally often).

    Examples:
        >>> shannon_entropy(np.array([[0, 255], [255, 0]], dtype=np.uint8))
        1.0
    """
    return _entropy(np.bincount(grey.ravel(), minlength=LEVELS))


def glcm_entropy(grey: Grey) -> float:
    """Mean entropy of the grey-level co-occurrence matrices (Haralick, Shanmugam and Dinstein 1973) to right and below.

    Each matrix counts how often level i stands beside level j at distance 1, i left of (above) j, over 256 × 256 pairs
    of levels without any coarsening; −Σ p log2 p of the two are averaged. From 0 to twice the grey levels' entropy.

    Args:
        grey: (H, W), at least 2 × 2.
    """
    wide = grey.astype(np.int32) * LEVELS
    right = np.bincount((wide[:, :-1] + grey[:, 1:]).ravel())
    below = np.bincount((wide[:-1] + grey[1:]).ravel())
    return (_entropy(right) + _entropy(below)) / 2


def delentropy(grey: Grey) -> float:
    """Delentropy (Larkin, "Reflections on Shannon Information", 2016, arXiv 1609.01117).

    −½ Σ p log2 p of the deldensity, the joint histogram of the gradient's two components. The gradient is taken by
    central differences over two pixels, f_x = L(x+1, y) − L(x−1, y) and f_y likewise, on the (H−2) × (W−2) inner pixels
    where both exist; both are whole numbers from −255 to 255, one cell each (511 × 511). The factor ½ is Larkin's, from
    Papoulis' generalised sampling: the gradient's two components carry every pixel twice. 0 for a flat image and for an
    even ramp, whose gradient is the same everywhere (and for a checkerboard of single pixels, to which a central
    difference is blind); at most ½ log2 of the number of inner pixels.

    Args:
        grey: (H, W), at least 3 × 3.
    """
    level = grey.astype(np.int32)
    across = level[1:-1, 2:] - level[1:-1, :-2]
    down = level[2:, 1:-1] - level[:-2, 1:-1]
    return _entropy(np.bincount(((across + 255) * 511 + (down + 255)).ravel())) / 2


def measure(images: Iterable[npt.NDArray[np.uint8]]) -> npt.NDArray[np.float64]:
    """(N, 3) entropies of images, in the order of `MEASURES`.

    Args:
        images: (H, W, 3) RGB or (H, W) grey uint8 each, of one size.
    """
    functions: tuple[Callable[[Grey], float], ...] = (shannon_entropy, glcm_entropy, delentropy)
    rows = [[function(grey) for function in functions] for grey in map(to_grey, images)]
    return np.array(rows, dtype=np.float64).reshape(-1, len(functions))


def measured_complexity(pixels: PixelCache, progress: Progress | None = None) -> npt.NDArray[np.float64]:
    """(N, 3) entropies of posters at the size that they are kept in; kept beside the pixels, under their digest.

    Args:
        pixels: N posters.
        progress: Told how far it is; not called when they were measured before.
    """
    path = pixels.folder / f"complexity-{pixels.digest}-v{_VERSION}.npy"
    if path.exists():
        known: npt.NDArray[np.float64] = np.load(path)
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
    write_atomically(path, lambda file: np.save(file, table))
    return table


def at_size(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The whole image squeezed or enlarged to (height, width), bicubic with antialiasing; RGB."""
    picture = Image.fromarray(image).convert("RGB")
    if picture.size == (size[1], size[0]):
        return np.asarray(picture)
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC))


@cache
def _products(most: int) -> npt.NDArray[np.float64]:
    """Products c · log2 c of the whole numbers c below ``most``."""
    counts = np.arange(most, dtype=np.float64)
    return counts * np.log2(np.maximum(counts, 1))


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    """−Σ p log2 p of counts, by log2 N − Σ c log2 c / N."""
    some = counts[counts > 0]
    total = int(some.sum())
    if not total:
        return 0.0
    # Looking most logarithms up takes a fifth of the time of computing them; the few large ones are computed.
    small = some[some < 4096]
    large = some[some >= 4096].astype(np.float64)
    summed = float(_products(4096)[small].sum()) + float((large * np.log2(large)).sum())
    return max(float(np.log2(total)) - summed / total, 0.0)
