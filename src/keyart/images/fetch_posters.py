"""Download of a table's posters into a folder of images."""

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
from keyart.utils.output_paths import output_folder
from keyart.utils.text import csv_cell

if TYPE_CHECKING:
    from keyart.catalogue.download.addresses import MayConnect
    from keyart.catalogue.download.download import FetchResult, Missing
    from keyart.catalogue.download.failure import RequestLimits
    from keyart.catalogue.download.retry_policy import RetryPolicy

Source = Literal["url", "tmdb", "both"]

MISSING_LIST = "missing.csv"

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
_SEEN_SIZE = (256, 176)


@dataclass(frozen=True)
class FetchOptions:
    """Options of a poster download, with defaults that keep the load on public servers low.

    Attributes:
        source: ``url`` (the table's URLs), ``tmdb``, or ``both`` (TMDB for posters that their URL did not provide);
            None: ``url`` if the table has URLs, else ``tmdb``.
        url_column: The column of URLs; None: detected.
        tmdb_key: The user's own key or token.
        tmdb_api: Address of TMDB's API.
        width: Required width of TMDB's posters, in pixels.
        workers: Number of concurrent downloads.
        rate: Requests per second and host.
    """

    source: Source | None = None
    url_column: str | None = None
    tmdb_key: str | None = None
    tmdb_api: str | None = None
    width: int = 500
    workers: int = 16
    rate: float = 20.0


def verify_poster(data: bytes) -> str:
    """Check that bytes are a complete poster, with the same decoder as training, and return the suffix of their format.

    Returns:
        ``.jpg``, ``.png`` or ``.webp``.

    Raises:
        NotAPoster: The bytes cannot be decoded, or have another format.
    """
    from keyart.catalogue.download.download import NotAPoster

    try:
        decode_poster(data, _SEEN_SIZE)
        with Image.open(BytesIO(data)) as image:
            kind = str(image.format)
    except BadImage as fault:
        raise NotAPoster(f"{fault.kind}: {fault.detail}", temporary=fault.kind == "truncated image") from None
    if kind not in _SUFFIXES:
        raise NotAPoster(f"the format {kind}; known are JPEG, PNG and WebP")
    return _SUFFIXES[kind]


def fetch_posters(
    catalogue: Path,
    to: Path,
    options: FetchOptions | None = None,
    *,
    limits: "RequestLimits | None" = None,
    retry_policy: "RetryPolicy | None" = None,
    may_connect: "MayConnect | None" = None,
    resolver: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> "FetchResult":
    """Download the posters of a table into a folder that can then be used as its images.

    Existing posters that can be decoded are kept. All others are written atomically, so a download that was stopped can
    be resumed. Missing posters are listed in ``missing.csv`` (``id,url,reason``) in the folder; the file is removed if
    there are none.

    Args:
        catalogue: A table that `read_catalogue` accepts.
        to: The output folder; nothing is written outside it.
        options: Source and rate of the download.
        limits: Limits of one request.
        retry_policy: Retry policy for temporary failures.
        may_connect: Returns whether an address is allowed; by default only public addresses are.
        resolver: Resolves host names; by default the system resolver.
        progress: Called with (done, total).

    Raises:
        InputError: The table, the key or the folder has a fault, or aiohttp is not installed.
    """
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        raise InputError("fetch needs aiohttp; install it with: pip install -e '.[fetch]'") from None
    from keyart.catalogue.download.addresses import may_connect_publicly
    from keyart.catalogue.download.download import fetch
    from keyart.catalogue.download.http_client import Client
    from keyart.catalogue.download.poster_store import PosterStore
    from keyart.catalogue.download.requests import read_requests
    from keyart.catalogue.download.retry_policy import RateLimiter
    from keyart.catalogue.download.tmdb import API, Tmdb

    options = options or FetchOptions()
    requested = read_requests(catalogue, options.url_column)
    source = _chosen(options, requested.url_column, catalogue)

    async def run(store: PosterStore) -> "FetchResult":
        pace = RateLimiter(options.rate)
        async with Client(pace, limits, options.workers, may_connect or may_connect_publicly, resolver) as client:
            lookup = None
            if source != "url":
                lookup = Tmdb(client, options.tmdb_key or "", options.width, options.tmdb_api or API)
            return await fetch(
                requested.posters,
                store,
                client,
                verify_poster,
                by_url=source != "tmdb",
                lookup=lookup,
                retry_policy=retry_policy,
                workers=options.workers,
                progress=progress,
            )

    with output_folder(to, "fetches posters into it", parameter="to"), PosterStore(to) as store, quiet_pillow():
        store.sweep()
        fetched = asyncio.run(run(store))
        if fetched.missing:
            store.write(MISSING_LIST, _listed(fetched.missing))
        else:
            (to / MISSING_LIST).unlink(missing_ok=True)
    return fetched


def _chosen(options: FetchOptions, url_column: str | None, catalogue: Path) -> Source:
    source = options.source or ("url" if url_column else "tmdb")
    if source != "tmdb" and url_column is None:
        raise InputError(f"{catalogue}: no column of URLs; name it with ``url_column``, or use ``source=tmdb``")
    if source != "url" and not options.tmdb_key:
        needs = "TMDB needs a key of your own: set TMDB_API_KEY, or name a column with ``url_column``"
        if options.source is not None:
            raise InputError(needs, parameter="source")
        raise InputError(f"{catalogue}: no column of URLs, and {needs}")
    return source


def _listed(missing: Sequence["Missing"]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ["id", "url", "reason"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(text) for name, text in asdict(poster).items()} for poster in missing)
    return text.getvalue().encode()
