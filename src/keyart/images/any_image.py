"""Images in whatever form people have them: paths, bytes, PIL images, NumPy arrays, torch tensors, and iterables."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from torch import Tensor

from keyart.images.decode import MOST_BYTES, BadImage, decode_poster, fit_poster
from keyart.utils.paths import user_path
from keyart.utils.reading import read_bytes

AnyImage: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | np.ndarray | Tensor
"""One image: a path, the bytes of an image file, a PIL image, an array (H, W, 3) or (H, W), or a tensor (3, H, W).

Arrays and tensors are uint8, or floating-point in [0, 1]. Channels may come first or last.
"""


def is_one_image(images: Any) -> bool:
    """Return whether an argument is one image, not an iterable of images."""
    if isinstance(images, str | os.PathLike | bytes | bytearray | Image.Image):
        return True
    return _is_array(images) and len(images.shape) <= 3


def each_image(images: Any) -> Iterator[AnyImage]:
    """Yield single images one by one; an array of rank 4 is a batch, also within an iterable (a DataLoader's, say)."""
    for one in [images] if is_one_image(images) else images:
        if _is_batch(one):
            yield from one
        else:
            yield one


def count_images(images: Any) -> int | None:
    """Return the number of images; None for an iterable that does not know it, or that holds batches."""
    if is_one_image(images):
        return 1
    known = _is_batch(images) or (isinstance(images, list | tuple) and not any(map(_is_batch, images)))
    return len(images) if known else None


def name_image(image: AnyImage, position: int) -> str:
    """Return a name of an image for messages: its path, or its position and type."""
    if isinstance(image, str | os.PathLike):
        return os.fspath(image)
    file = getattr(image, "filename", "")
    return file if isinstance(file, str) and file else f"image {position} ({type(image).__name__})"


def to_pixels(image: AnyImage, image_size: tuple[int, int]) -> np.ndarray:
    """Convert one image to RGB pixels of a fixed size; see `decode_poster`.

    Args:
        image: See `AnyImage`.
        image_size: Target (height, width) in pixels.

    Returns:
        (height, width, 3) uint8.

    Raises:
        BadImage: The image cannot be used.
    """
    if isinstance(image, str | os.PathLike):
        return decode_poster(_read(user_path(image)), image_size)
    if isinstance(image, bytes | bytearray | memoryview):
        return decode_poster(bytes(image), image_size)
    if not isinstance(image, Image.Image):
        image = _from_array(image)
    return fit_poster(image, image_size)


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        raise BadImage("missing image", "there is no such file", "name an image file") from None
    except IsADirectoryError:
        raise BadImage("unreadable image", "it is a folder", "list the files in it") from None
    except OSError as error:
        raise BadImage("unreadable image", error.strerror or str(error), "make the file readable") from None


def _is_batch(image: Any) -> bool:
    return _is_array(image) and len(image.shape) == 4


def _is_array(image: object) -> bool:
    return hasattr(image, "shape") and hasattr(image, "dtype")


def _from_array(image: Any) -> Image.Image:
    """Convert an array or a tensor to a PIL image."""
    if not _is_array(image):
        allowed = "a path, bytes, a PIL image, an array or a tensor"
        raise BadImage("unreadable image", f"an object of type {type(image).__name__}", f"give {allowed}")
    values = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    shape = values.shape
    if values.ndim == 3 and shape[2] not in (1, 3, 4) and shape[0] in (1, 3, 4):
        values = np.moveaxis(values, 0, 2)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise BadImage("unreadable image", f"an array of shape {shape}", "give (H, W, 3), (3, H, W) or (H, W)")
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min(initial=0) >= 0 and values.max(initial=0) <= 1):
            raise BadImage("unreadable image", "values outside [0, 1]", "scale floating-point images to [0, 1]")
        values = np.round(values * 255).astype(np.uint8)
    if values.dtype != np.uint8:
        raise BadImage("unreadable image", f"an array of {values.dtype}", "give uint8, or floating-point in [0, 1]")
    return Image.fromarray(np.ascontiguousarray(values))
