"""Fixtures for downloads from a local server whose address counts as public."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from keyart.catalogue.download.addresses import is_public
from keyart.catalogue.download.failure import RequestLimits
from keyart.catalogue.download.retry_policy import RetryPolicy
from keyart.images.fetch_posters import FetchOptions, fetch_posters
from tests.catalogue.download.server import Server


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def picture():
    """Return the bytes of an image: ``picture(seed, kind="JPEG")``."""

    def make(seed=0, kind="JPEG", size=(64, 96)):
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()

    return make


@pytest.fixture
def table(tmp_path, server):
    """Write a table like Kaggle's: ``table({"1": "/a.jpg", …})`` with paths on the server, or without a URL column."""

    def write(urls, name="films.csv"):
        some = any(urls.values())
        rows = ["imdbId,Imdb Link,Title,IMDB Score,Genre" + ",Poster" * some]
        for imdb_id, url in urls.items():
            url = server.url + url if url.startswith("/") else url
            film = f"{imdb_id},http://www.imdb.com/title/tt{imdb_id},Film {imdb_id} (1995),7.1,Drama|Comedy"
            rows.append(f"{film},{url}" if some else film)
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n")
        return path

    return write


@pytest.fixture
def bring(tmp_path, server):
    """Download into ``tmp_path/posters`` with short waits; the server's address counts as public."""
    pytest.importorskip("aiohttp")

    def call(catalogue, *, may_connect=None, limits=None, retry_policy=None, to=None, **options):
        def as_if_public(address, port):
            return port == server.port or is_public(address)

        hurried = replace(FetchOptions(rate=1000.0), **options)
        return fetch_posters(
            catalogue,
            to or tmp_path / "posters",
            hurried,
            limits=limits or RequestLimits(seconds=5),
            retry_policy=retry_policy or RetryPolicy(retries=2, first=0.01),
            may_connect=may_connect or as_if_public,
        )

    return call
