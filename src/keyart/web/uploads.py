"""Images that a person searches with: received within bounds, decoded once, kept in memory only."""

import asyncio
import io
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PIL import Image
from starlette.requests import Request

from keyart.errors import InputError
from keyart.images.decode import BadImage, decode_poster, quiet_pillow
from keyart.images.thumbnails import shrink
from keyart.runs.run import Run
from keyart.runs.search import Query

MOST_BYTES = 20_000_000
MAX_PIXELS = 40_000_000
SECONDS = 30
"""Time within which an upload must be complete."""
FORMATS = ("JPEG", "PNG", "WEBP")
KEPT = 32
"""Number of images whose vectors are kept; the oldest are forgotten."""


class TooLarge(Exception):
    """The upload has too many bytes."""


@dataclass(frozen=True, eq=False)
class Upload:
    """An image to search with.

    Attributes:
        run: Number of the run whose embedder computed the vector.
        vector: (E,) unit vector.
        pixels: (height, width, 3) uint8, the embedder's input.
        picture: A small JPEG of it.
    """

    run: int
    vector: np.ndarray
    pixels: np.ndarray
    picture: bytes


class Uploads:
    """The latest uploads by their handles, in memory."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Upload] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, upload: Upload) -> str:
        """Keep an upload and return its handle, which cannot be guessed."""
        handle = secrets.token_urlsafe(12)
        with self._lock:
            self._known[handle] = upload
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return handle

    def __getitem__(self, handle: str) -> Upload:
        """Return an upload.

        Raises:
            InputError: It is unknown, or forgotten by now.
        """
        with self._lock:
            if handle not in self._known:
                raise InputError("image: this image is not kept any more; choose it again")
            return self._known[handle]

    def query(self, run: int, handle: str) -> Query:
        """Return the query of an upload, named by its handle.

        Raises:
            InputError: It is forgotten, or another run embedded it.
        """
        upload = self[handle]
        if upload.run != run:
            raise InputError("image: it was chosen for another run; choose it again")
        return Query(upload.vector, name=handle, pixels=upload.pixels)


async def receive(request: Request) -> bytes:
    """Return the body of an upload.

    Raises:
        TooLarge: It has more than `MOST_BYTES`.
        TimeoutError: It takes longer than `SECONDS`.
        InputError: It is empty.
    """
    if int(request.headers.get("content-length") or 0) > MOST_BYTES:
        raise TooLarge
    body = bytearray()
    async with asyncio.timeout(SECONDS):
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise TooLarge
    if not body:
        raise InputError("image: the upload is empty; choose a JPEG, PNG or WebP file")
    return bytes(body)


def read_upload(number: int, run: Run, data: bytes) -> Upload:
    """Decode and embed an upload.

    Raises:
        InputError: It is not a JPEG, PNG or WebP image, or has too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise InputError(f"image: more than {MAX_PIXELS // 10**6} million pixels; scale it down") from None
    except Exception:  # Pillow's readers raise nearly anything on broken files
        raise InputError("image: not a JPEG, PNG or WebP image; choose another file") from None
    if width * height > MAX_PIXELS:
        raise InputError(f"image: {width}×{height}, more than {MAX_PIXELS // 10**6} million pixels; scale it down")
    try:
        with quiet_pillow():
            pixels = decode_poster(data, run.image_size)
    except BadImage as why:
        raise InputError(f"image: {why.kind} ({why.detail}); {why.fix}") from None
    return Upload(
        number,
        run.encoder(precision=run.precision).encode([pixels])[0],
        pixels,
        shrink(data, 480, "image", FORMATS),
    )
