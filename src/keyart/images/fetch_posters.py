"""Fetching the posters of a table into a folder that then serves as its images."""

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from keyart.errors import InputError
from keyart.images.decode import BadImage, decode_poster, quiet_pillow
from keyart.utils.text import csv_cell

if TYPE_CHECKING:
    from keyart.catalogue.download.addresses import MayConnect
    from keyart.catalogue.download.download import Fetched, Missing
    from keyart.catalogue.download.failure import Limits
    from keyart.catalogue.download.retry_policy import Patience

Source = Literal["url", "tmdb", "both"]

MISSING_LIST = "missing.csv"

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
_SEEN_SIZE = (256, 176)


@dataclass(frozen=True)
class Ways:
    """How posters are fetched, with defaults that are polite to a public server.

    Attributes:
        source: The table's URLs, TMDB, or (``both``) TMDB for what the URLs do not bring; None: ``url`` where the table
            has URLs, else ``tmdb``.
        url_column: The column of URLs; None: recognised.
        tmdb_key: Key or token of one's own.
        tmdb_api: Address of TMDB's API.
        width: Wanted width of TMDB's posters, in pixels.
        workers: Posters at a time.
        rate: Requests a second and host.
    """

    source: Source | None = None
    url_column: str | None = None
    tmdb_key: str | None = None
    tmdb_api: str | None = None
    width: int = 500
    workers: int = 16
    rate: float = 20.0


def verify_poster(data: bytes) -> str:
    """Whether training could use these bytes: decoded to the end by the decoder that it uses.

    Returns:
        The suffix of their format: ``.jpg``, ``.png`` or ``.webp``.

    Raises:
        NotAPoster: It could not.
    """
    from keyart.catalogue.download.download import NotAPoster

    try:
        decode_poster(data, _SEEN_SIZE)
        with Image.open(BytesIO(data)) as image:
            kind = str(image.format)
    except BadImage as fault:
        raise NotAPoster(f"{fault.kind}: {fault.detail}", passing=fault.kind == "truncated image") from None
    if kind not in _SUFFIXES:
        raise NotAPoster(f"the format {kind}; known are JPEG, PNG and WebP")
    return _SUFFIXES[kind]


def fetch_posters(
    catalogue: Path,
    to: Path,
    ways: Ways | None = None,
    *,
    limits: "Limits | None" = None,
    patience: "Patience | None" = None,
    may_connect: "MayConnect | None" = None,
    resolver: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> "Fetched":
    """Fetch the posters that a table names, so that the folder serves as its images.

    A poster that is there and can be decoded is left alone; the others are written whole or not at all, so a fetch that
    was stopped goes on where it was. What could not be had is listed in ``missing.csv`` (``id,url,reason``) in the
    folder; without such posters there is no such file.

    Args:
        catalogue: A table that `read_catalogue` understands.
        to: The folder; nothing is written outside it.
        ways: Where from and how fast.
        limits: What one request may cost.
        patience: How failures that may pass are met.
        may_connect: Which addresses are allowed; by default public ones.
        resolver: Resolves names; by default the system does.
        progress: Called with (done, all).

    Raises:
        InputError: For faults of the table, the key or the folder, and when aiohttp is not installed.
    """
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        raise InputError("fetch needs aiohttp; install it with: pip install -e '.[fetch]'") from None
    from keyart.catalogue.download.addresses import may_connect_publicly
    from keyart.catalogue.download.download import fetch
    from keyart.catalogue.download.http_client import Client
    from keyart.catalogue.download.poster_store import PosterStore
    from keyart.catalogue.download.requests import wanted_posters
    from keyart.catalogue.download.retry_policy import Pace
    from keyart.catalogue.download.tmdb import API, Tmdb

    ways = ways or Ways()
    wanted = wanted_posters(catalogue, ways.url_column)
    source = _chosen(ways, wanted.url_column, catalogue)

    async def run(store: PosterStore) -> "Fetched":
        pace = Pace(ways.rate)
        async with Client(pace, limits, ways.workers, may_connect or may_connect_publicly, resolver) as client:
            lookup = None
            if source != "url":
                lookup = Tmdb(client, ways.tmdb_key or "", ways.width, ways.tmdb_api or API)
            return await fetch(
                wanted.posters,
                store,
                client,
                verify_poster,
                by_url=source != "tmdb",
                lookup=lookup,
                patience=patience,
                workers=ways.workers,
                progress=progress,
            )

    with PosterStore(to) as store, quiet_pillow():
        store.sweep()
        fetched = asyncio.run(run(store))
        if fetched.missing:
            store.write(MISSING_LIST, _listed(fetched.missing))
        else:
            (to / MISSING_LIST).unlink(missing_ok=True)
    return fetched


def _chosen(ways: Ways, url_column: str | None, catalogue: Path) -> Source:
    source = ways.source or ("url" if url_column else "tmdb")
    if source != "tmdb" and url_column is None:
        raise InputError(f"{catalogue}: no column of URLs; name it with --url-column, or use --from tmdb")
    if source != "url" and not ways.tmdb_key:
        told = f"{catalogue}: no column of URLs, and " if ways.source is None else "--from: "
        raise InputError(f"{told}TMDB needs a key of your own: set TMDB_API_KEY, or name a column with --url-column")
    return source


def _listed(missing: Sequence["Missing"]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["id", "url", "reason"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(text) for name, text in asdict(poster).items()} for poster in missing)
    return text.getvalue().encode()
