"""Fixtures with many kinds of image files, and catalogues of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keyart.catalogue.reader import read_catalogue
from keyart.images.posters import load_posters


@pytest.fixture
def poster_catalogue(poster_folder):
    """Catalogue of the 24 generated posters."""
    catalogue, problems = read_catalogue(poster_folder / "catalogue.csv", poster_folder / "posters")
    assert not problems
    return catalogue


@pytest.fixture
def posters(poster_catalogue, tmp_path):
    """The 24 generated posters, decoded at 48×32."""
    return load_posters(poster_catalogue, image_size=(48, 32), cache_dir=tmp_path / "cache")


@pytest.fixture(scope="session")
def real_posters(posters_dir, tmp_path_factory):
    """All real posters, at a small size."""
    catalogue, problems = read_catalogue(posters_dir / "catalogue.csv", posters_dir / "posters")
    folder = tmp_path_factory.mktemp("real")
    return load_posters(catalogue, problems, image_size=(96, 64), on_bad_poster="skip", cache_dir=folder)


def encode(image: Image.Image, suffix: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, suffix, **options)
    return file.getvalue()


def noise(height: int, width: int, seed: int = 0) -> Image.Image:
    """Return an image that is unlike any other: soft blobs with texture."""
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (6, 4, 3), dtype=np.uint8)).resize((width, height), Image.BICUBIC)
    texture = rng.normal(0, 12, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(blobs) + texture, 0, 255).astype(np.uint8))


def png_that_claims(width: int, height: int) -> bytes:
    """Return a small PNG file whose header states any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class Files:
    encode = staticmethod(encode)
    noise = staticmethod(noise)
    png_that_claims = staticmethod(png_that_claims)


@pytest.fixture(scope="session")
def files() -> type[Files]:
    """Functions that create image files."""
    return Files
