"""Posters in frames of equal size, whatever their aspect ratio."""

import base64
import io
import logging
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from keyart.images.decode import BadImage, decode_poster, oriented_size

log = logging.getLogger(__name__)

MAX_CUT = 0.12
"""Largest share of a poster that may be cropped to fill the frame."""

Size = tuple[int, int]


def frame_poster(path: Path, size: Size) -> Image.Image:
    """Fit one poster into a frame of ``size``.

    A poster with nearly the frame's aspect ratio fills the frame and loses at most 12% at two edges. Any other picture,
    such as a landscape still, is shown whole on a blurred copy of itself.

    Args:
        path: Path of the image file.
        size: Width and height of the frame in pixels.

    Returns:
        RGB of exactly ``size``.

    Raises:
        OSError: The file cannot be read.
        BadImage: The file is no usable poster.
    """
    data = path.read_bytes()
    width, height = oriented_size(data)
    shape, frame = width / height, size[0] / size[1]
    fill = max(size[0] / width, size[1] / height)
    if 1 - min(shape / frame, frame / shape) <= MAX_CUT:
        return ImageOps.fit(_decode(data, (width * fill, height * fill)), size, Image.Resampling.BICUBIC)
    fit = min(size[0] / width, size[1] / height)
    whole = _decode(data, (width * fit, height * fit))
    backdrop = ImageOps.fit(whole, size, Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(size[1] / 14))
    backdrop = Image.blend(backdrop, Image.new("RGB", size, "#101010"), 0.45)
    backdrop.paste(whole, ((size[0] - whole.width) // 2, (size[1] - whole.height) // 2))
    return backdrop


def frame_posters(paths: Iterable[Path], size: Size, threads: int = 2) -> list[Image.Image]:
    """Fit many posters into frames of ``size``, in the order of ``paths``.

    For a file that can no longer be read, the frame is empty and a warning names the file.
    """
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode_poster has its own limit
        return list(pool.map(lambda path: _frame_or_blank(path, size), paths))


def data_uri(image: Image.Image, quality: int = 82) -> str:
    """Encode an image as a JPEG ``data:`` URI."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _frame_or_blank(path: Path, size: Size) -> Image.Image:
    try:
        return frame_poster(path, size)
    except (OSError, BadImage) as error:
        log.warning("%s: shown as an empty frame, because it cannot be read any more (%s)", path, error)
        return Image.new("RGB", size, "#8a857d")


def _decode(data: bytes, size: tuple[float, float]) -> Image.Image:
    width, height = (max(1, round(side)) for side in size)
    return Image.fromarray(decode_poster(data, (height, width)))
