"""Decoding of image files to poster pixels, with strict checks."""

import io
import math
import random
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

DECODING_VERSION = 2
"""Increase it with every change that gives other pixels for the same file: it is part of the cache keys."""

CHECKING_VERSION = 3
"""Increase it with every change that rejects other files: all files are then checked again."""

MIN_SIDE = 16
"""Minimum length of an image's shorter side in pixels."""

MAX_PIXELS = 64_000_000
"""Maximum number of pixels of an image, according to its header, and of all images that threads decode at one time.

Some formats take 24 bytes for each pixel: 1.5 GB in all.
"""

MOST_BYTES = 512 << 20
"""Maximum size of an image file: `MAX_PIXELS` with 16 bits in four channels, uncompressed."""

MAX_ASPECT_RATIO = 4.0
"""Maximum ratio of the long to the short side: door panels have 3, the widest cinema stills 2.8."""

MAX_STRETCH = 1.25
"""Maximum stretch of a poster to the required aspect ratio; beyond it, the edges are cropped."""

# Accepted formats; all others are rejected (EPS would start Ghostscript).
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "JPEG2000", "PPM")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_UPRIGHT = 1

# libjpeg's value for pixels without data in a truncated file.
_UNREACHED = 128
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_END_OF_IMAGE, _SCAN = 0xD9, b"\xff\xda"
_FILL = bytes(random.Random(0).choices(range(255), k=1024))
# With restart markers, for a file whose data ends at one.
_MORE_DATA = _FILL + b"".join(bytes([0xFF, 0xD0 + number]) + _FILL for number in range(8))


class BadImage(Exception):
    """Error for an image file that is not a usable poster.

    Attributes:
        kind: ``missing image``, ``unreadable image``, ``truncated image``, ``tiny image``, ``huge image`` or ``extreme
            shape``.
        detail: What was found.
        fix: How to fix it.
    """

    def __init__(self, kind: str, detail: str, fix: str) -> None:
        super().__init__(f"{detail}: {fix}")
        self.kind, self.detail, self.fix = kind, " ".join(detail.split()), fix

    def __reduce__(self) -> tuple[type["BadImage"], tuple[str, str, str]]:
        return BadImage, (self.kind, self.detail, self.fix)


def decode_poster(data: bytes, image_size: tuple[int, int]) -> np.ndarray:
    """Decode an image file to RGB pixels of a fixed size.

    JPEGs much larger than the target are decoded at a reduced scale (DCT scaling). The EXIF orientation is applied,
    transparent areas become white, and every colour mode is converted to RGB. The image is then resized (bicubic,
    antialiased) to ``image_size``. It is stretched by at most `MAX_STRETCH`, which keeps all of an ordinary poster
    visible. An image that is still wider or taller, such as a landscape still, is first cropped evenly at its outer
    edges. So faces and letters nearly keep their shape, and no bars are added.

    Args:
        data: The file's content.
        image_size: Target (height, width) in pixels.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        BadImage: The file is unreadable or truncated, or the image is too small, too large or too elongated.
    """
    with _as_bad_image(), Image.open(io.BytesIO(data), formats=_formats()) as image:
        pixels = _decode(image, data, image_size)
    if pixels.shape != (*image_size, 3) or pixels.dtype != np.uint8:  # wrong pixels would go into the cache unnoticed
        detail = f"decoded to {pixels.dtype} of shape {pixels.shape} instead of {(*image_size, 3)}"
        raise BadImage("unreadable image", detail, "save it again as an ordinary JPEG or PNG")
    return pixels


@contextmanager
def _as_bad_image() -> Iterator[None]:
    """Convert Pillow's errors to `BadImage`."""
    try:
        yield
    except (BadImage, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise BadImage("unreadable image", "no image in a known format", "replace the file") from error
    except Image.DecompressionBombError as error:
        raise _huge(str(error)) from error
    except Exception as error:  # Pillow's readers raise nearly anything on broken files
        detail = f"{error}" or type(error).__name__
        kind = f"{'truncated' if 'truncated' in detail.lower() else 'unreadable'} image"
        raise BadImage(kind, detail, "replace the file with a complete one") from error


def oriented_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels after EXIF rotation, from the file's header.

    Raises:
        BadImage: The file is not an image in a known format.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            width, height = image.size
            turned = _orientation(image) >= 5
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadImage("unreadable image", "no image in a known format", "replace the file") from error
    return (height, width) if turned else (width, height)


def plain_jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) of an upright grey or RGB JPEG of acceptable size; None for any other file."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            width, height = image.size
            plain = image.mode in ("L", "RGB") and _orientation(image) == _UPRIGHT
    except Exception:  # Pillow raises nearly any exception on broken files; `decode_poster` reports them
        return None
    fit = min(width, height) >= MIN_SIDE and max(width, height) <= MAX_ASPECT_RATIO * min(width, height)
    return (width, height) if plain and fit and width * height <= MAX_PIXELS else None


class _Budget:
    """A number of pixels that threads share; who needs more than is left waits."""

    def __init__(self, pixels: int) -> None:
        self._left = pixels
        self._changed = threading.Condition()

    @contextmanager
    def spend(self, pixels: int) -> Iterator[None]:
        """Hold a part of the budget, at most all of it, within a block."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()


_budget = _Budget(MAX_PIXELS)
_quieting = threading.Lock()
_quiet: list[ExitStack] = []


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about large headers and broken metadata, which `decode_poster` handles itself.

    Warning filters are global to the process: the first of several threads sets them, the last one restores them.
    """
    with _quieting:
        block = ExitStack()
        if not _quiet:
            block.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", module=r"PIL\..*")
        _quiet.append(block)
    try:
        yield
    finally:
        with _quieting:
            if len(_quiet) > 1:
                _quiet.pop()
            else:
                _quiet.pop().close()


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def fit_poster(image: Image.Image, image_size: tuple[int, int]) -> np.ndarray:
    """Convert an image in memory to RGB pixels of a fixed size, with the checks and the geometry of `decode_poster`.

    The image stays as it is. It is not decoded at a reduced scale, so that the pixels differ slightly from those of
    `decode_poster` for the same JPEG file.

    Args:
        image: In any colour mode.
        image_size: Target (height, width) in pixels.

    Returns:
        (height, width, 3) uint8 RGB.

    Raises:
        BadImage: The image cannot be read, or is too small, too large or too elongated.
    """
    with _as_bad_image():
        _check_shape(image)
        return _fit(image, image_size)


def _decode(image: ImageFile.ImageFile, data: bytes, image_size: tuple[int, int]) -> np.ndarray:
    _check_shape(image)
    width, height = image.size
    pixels = width * height
    if isinstance(image, JpegImageFile) and not image.info.get("progressive"):
        pixels = min(
            pixels, 16 * image_size[0] * image_size[1]
        )  # the reduced scale has 2 to 4 times the target's sides
    with _budget.spend(pixels):  # from here on: a PNG file's orientation is found by decoding it
        requested = image_size if _orientation(image) >= 5 else (image_size[1], image_size[0])
        scale = 2 * max(requested[0] / width, requested[1] / height)
        least = (math.ceil(scale * width), math.ceil(scale * height))
        image.draft(None, least)
        if isinstance(image, JpegImageFile) and _ends_early(image, data, least):
            text = "its data ends before the image does"
            raise BadImage("truncated image", text, "replace the file with a complete one")
        return _fit(image, image_size)


def _check_shape(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise BadImage(
            "tiny image",
            f"{width}×{height} pixels",
            f"replace it with an image of at least {MIN_SIDE} pixels a side",
        )
    if width * height > MAX_PIXELS:
        raise _huge(f"{width}×{height} pixels")
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        raise _long(*((height, width) if _orientation(image) >= 5 else (width, height)))


def _fit(image: Image.Image, image_size: tuple[int, int]) -> np.ndarray:
    """Convert to RGB, crop, resize and turn upright."""
    orientation = _orientation(image)
    requested = image_size if orientation >= 5 else (image_size[1], image_size[0])
    rgb = _to_rgb(image)
    rgb = rgb.resize(requested, Image.Resampling.BICUBIC, box=crop_box(rgb.size, requested), reducing_gap=3.0)
    if orientation in _TURNS:
        rgb = rgb.transpose(_TURNS[orientation])
    return np.asarray(rgb)


def _huge(detail: str) -> BadImage:
    return BadImage("huge image", detail, f"scale it down to at most {MAX_PIXELS // 1_000_000} megapixels")


def _long(width: int, height: int) -> BadImage:
    how = (
        f"{width / height:.3g} times as wide as high"
        if width > height
        else f"{height / width:.3g} times as high as wide"
    )
    return BadImage(
        "extreme shape",
        f"{width}×{height} pixels, {how}",
        f"crop it to the poster, at most {MAX_ASPECT_RATIO:g} times as long as short, or replace the file",
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; upright if there is none or it is invalid."""
    try:
        found = int(image.getexif().get(_ORIENTATION_TAG, _UPRIGHT))
    except Exception:  # a broken EXIF block does not affect the pixels; image viewers also ignore it
        return _UPRIGHT
    return found if found in _TURNS else _UPRIGHT


def has_one_scan(data: bytes) -> bool:
    """Return whether a JPEG stores its image in a single scan, so that truncated data leaves the last block flat.

    In a progressive file, a later scan may be truncated, which is not visible in this way.
    """
    return data.count(_SCAN) == 1


def lengthened(data: bytes) -> bytes:
    """Return a JPEG with additional data before its end marker, to detect truncation.

    A complete image does not change, because its decoder stops before the added data. An image whose data ended early,
    although the file has an end marker, changes.
    """
    at = 2
    while (found := _MARKER.search(data, at)) is not None:  # skip segments: a thumbnail has its own end marker
        if data[found.end() - 1] == _END_OF_IMAGE:
            return data[: found.start()] + _MORE_DATA + data[found.start() :]
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return data


def _ends_early(image: JpegImageFile, data: bytes, least: tuple[int, int]) -> bool:
    """Return whether a JPEG's data ends before its image does; libjpeg only warns, and Pillow ignores the warning.

    To find out, a progressive file is decoded twice. Any other file is decoded twice only if its last pixel is grey.
    """
    if image.mode in ("L", "RGB") and has_one_scan(data):
        last = image.getpixel((image.width - 1, image.height - 1))
        if last not in (_UNREACHED, (_UNREACHED,) * 3):
            return False
    with Image.open(io.BytesIO(lengthened(data)), formats=("JPEG",)) as longer:
        longer.draft(None, least)
        return longer.tobytes() != image.tobytes()


def crop_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest centred box (left, top, right, bottom) of ``size`` that needs at most `MAX_STRETCH`."""
    width, height = size
    stretch = (width / height) / (target[0] / target[1])
    kept_width = width * min(1.0, MAX_STRETCH / stretch)
    kept_height = height * min(1.0, MAX_STRETCH * stretch)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return left, top, left + kept_width, top + kept_height


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips the values to 8 bits
        grey = np.asarray(image).astype(np.uint32)
        return Image.fromarray((grey >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise BadImage("unreadable image", "floating-point pixels of unknown range", "save it with 8 bits a channel")
    return image.convert("RGB")
