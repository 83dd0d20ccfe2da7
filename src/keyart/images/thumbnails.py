"""Small JPEGs of posters, made once and cached on disk."""

import io
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from PIL import Image, ImageOps

from keyart.errors import InputError
from keyart.images.decode import MAX_PIXELS
from keyart.utils.cache import cache_folder, load_bytes, save_array
from keyart.utils.paths import cache_root

WIDTHS = (160, 480)
"""Permitted widths in pixels; a poster is never enlarged."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
_VERSION = 2


def thumbnail_key(path: Path, width: int) -> str:
    """Return the key of a thumbnail, which changes when the file does; it is the ETag too."""
    state = path.stat()
    text = f"{_VERSION} {path} {state.st_size} {state.st_mtime_ns} {width}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def thumbnail(path: Path, width: int) -> bytes:
    """Return a JPEG of a poster, at most ``width`` pixels wide; from the cache if it is there.

    A cache that is full or cannot be written only costs time.

    Raises:
        InputError: The image is unreadable or too large.
    """
    key = thumbnail_key(path, width)
    if (known := load_bytes(cache_root() / "thumbnails" / key[:2] / f"{key}.jpg")) is not None:
        return known
    data = shrink(path.read_bytes(), width, str(path.name))
    with suppress(InputError):
        save_array(cache_folder(f"thumbnails/{key[:2]}") / f"{key}.jpg", lambda file: file.write(data))
    return data


def shrink(data: bytes, width: int, name: str, formats: tuple[str, ...] = _FORMATS) -> bytes:
    """Return an image as a JPEG that is at most ``width`` pixels wide, upright and without metadata."""
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{name}: {image.width}×{image.height} pixels are too many; scale it down")
            image.draft("RGB", (2 * width, 2 * width))
            small = ImageOps.exif_transpose(image).convert("RGB")
    except InputError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything on broken files
        raise InputError(f"{name}: cannot be read as an image ({error}); replace the file") from error
    if small.width > width:
        small = small.resize((width, max(1, round(small.height * width / small.width))), reducing_gap=3.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85, optimize=True)
    return buffer.getvalue()
