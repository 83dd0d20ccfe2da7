"""Image sets for comparison with a catalogue: sets of packages, demo posters, downloads and local folders."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.images.complexity import at_size
from keyart.utils.paths import cache_root, expand_home

Pixels = npt.NDArray[np.uint8]

SIZE = (32, 32)
"""Height and width at which sets are compared: nearly the largest that all sets have (digits are upscaled)."""

SAMPLE = 1000
"""Maximum number of images per set; equal, because estimates of dimension grow with the number of images."""

DOWNLOADS = {
    "mnist": ("MNIST", "MNIST"),
    "fashion_mnist": ("FashionMNIST", "FashionMNIST"),
    "cifar10": ("CIFAR10", "CIFAR-10"),
}
"""Torchvision's class and the usual name of each set that can be downloaded."""

OFFLINE = ("digits", "photographs", "demo")
"""Sets that are available without a network."""

PHOTOGRAPHS = ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel", "moon", "rocket")
"""Photographs that are part of the scikit-image wheel."""

PUBLISHED = (
    {
        "set": "ImageNet",
        "space": "pixels",
        "estimator": "maximum likelihood, k = 3 to 20",
        "value": "26 to 43",
        "source": "Pope et al. 2021, The Intrinsic Dimension of Images and Its Impact on Learning, arXiv 2104.08894",
    },
)
"""Published values at other settings: they are quoted, and never drawn in a chart with measured values."""

_IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"})
_WAIT = 20.0
_SEED = 0


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A sample of an image set at `SIZE`.

    Attributes:
        name: Display name.
        images: (M, 32, 32, 3) uint8, drawn from all images without replacement.
        total: Number of images in the set.
        native: Description of the images' own size.
        source: Origin of the images.
    """

    name: str
    images: Pixels
    total: int
    native: str
    source: str


def load_reference_sets(names: Sequence[str], report: Callable[[str], None] = lambda _: None) -> list[ImageSet]:
    """Load image sets for comparison.

    Args:
        names: ``digits``, ``photographs``, ``demo``, ``mnist``, ``fashion_mnist``, ``cifar10``, or folders of images.
        report: Called with a message on sets that are incomplete because a package is missing.

    Returns:
        The sets in the order of ``names``, each once.

    Raises:
        InputError: A name is unknown, a folder has no readable image, or a set cannot be downloaded.
    """
    openers: dict[str, Callable[[], ImageSet | None]] = {
        "digits": _digits,
        "photographs": lambda: _photographs(report),
        "demo": _demo,
    }
    openers |= {name: (lambda name=name: _download(name)) for name in DOWNLOADS}  # type: ignore[misc]
    for name in names:
        if name not in openers and not Path(expand_home(name)).is_dir():
            raise InputError(
                f"neither a folder nor a set; choose of {', '.join([*OFFLINE, *DOWNLOADS])}, or none",
                parameter="compare",
                value=name,
            )
    # Downloads can fail, so they come before sets that take long.
    first = sorted(dict.fromkeys(names), key=lambda name: name not in DOWNLOADS)
    found = {name: openers[name]() if name in openers else _folder(Path(expand_home(name))) for name in first}
    sets = [found[name] for name in dict.fromkeys(names)]
    return [one for one in sets if one is not None]


def sample(total: int, most: int = SAMPLE) -> npt.NDArray[np.int64]:
    """Draw at most ``most`` of ``total`` positions without replacement, with a fixed seed; sorted."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(_SEED).choice(total, most, replace=False))


def shrink(images: Sequence[Pixels]) -> Pixels:
    """Resize whole images to `SIZE`; return (M, 32, 32, 3)."""
    return np.stack([at_size(image, SIZE) for image in images]) if len(images) else np.empty((0, *SIZE, 3), np.uint8)


def _digits() -> ImageSet:
    from sklearn.datasets import load_digits

    # Values are ink from 0 (paper) to 16.
    images = np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    chosen = shrink([images[i] for i in sample(len(images))])
    return ImageSet("digits", chosen, len(images), "8×8, enlarged", "scikit-learn, load_digits")


def _photographs(report: Callable[[str], None]) -> ImageSet | None:
    from sklearn.datasets import load_sample_images

    images = [np.asarray(image) for image in load_sample_images().images]
    source = "scikit-learn, load_sample_images"
    try:
        from skimage import data
    except ImportError:
        report("photographs: only scikit-learn’s two, since scikit-image is missing; pip install -e '.[card]'")
    else:
        images += [np.asarray(getattr(data, name)()) for name in PHOTOGRAPHS]
        source += "; scikit-image, skimage.data"
    sides = [min(image.shape[:2]) for image in images]
    return ImageSet("photographs", shrink(images), len(images), f"{min(sides)} to {max(sides)} pixels a side", source)


def _demo() -> ImageSet:
    from keyart.catalogue.demo import demo_catalogue

    folder = demo_catalogue()
    found = _folder(folder / "posters")
    return ImageSet("demo posters", found.images, found.total, found.native, "drawn by keyart")


def _folder(folder: Path) -> ImageSet:
    from PIL import Image

    from keyart.images.decode import BadImage, decode_poster, oriented_size, quiet_pillow

    paths = sorted(path for path in folder.rglob("*") if path.suffix.casefold() in _IMAGES)
    images, sizes = [], []
    with quiet_pillow():
        for at in sample(len(paths)):
            try:
                data = paths[at].read_bytes()
                width, height = oriented_size(data)
                # Decode at the image's own aspect ratio to avoid cropping, and not much larger than needed.
                scale = min(1.0, 256 / min(width, height))
                shape = max(16, round(height * scale)), max(16, round(width * scale))
                images.append(at_size(decode_poster(data, shape), SIZE))
                sizes.append((width, height))
            except (OSError, BadImage, Image.DecompressionBombError):
                continue
    if not images:
        raise InputError("holds no image that can be read; name a folder of images", parameter="compare", value=folder)
    width, height = np.median(sizes, axis=0).astype(int)
    return ImageSet(folder.name, np.stack(images), len(paths), f"{width}×{height} (median)", str(folder))


def _download(name: str) -> ImageSet:
    from torchvision import datasets

    attribute, title = DOWNLOADS[name]
    root = cache_root() / "references"
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_WAIT)
    try:
        held: Any = getattr(datasets, attribute)(str(root), train=True, download=True)
    except Exception as error:  # torchvision passes on any exception of its readers and of the network
        reason = str(error).strip().partition("\n")[0].rstrip(" :") or type(error).__name__
        raise InputError(
            f"{title} is not in {root} and cannot be downloaded ({reason}); leave it out, or put "
            f"torchvision's files of it there",
            parameter="compare",
            value=name,
        ) from None
    finally:
        socket.setdefaulttimeout(before)
    images = np.asarray(held.data)
    height, width = images.shape[1:3]
    chosen = shrink([images[i] for i in sample(len(images))])
    return ImageSet(title, chosen, len(images), f"{width}×{height}", f"torchvision, {attribute}, training images")
