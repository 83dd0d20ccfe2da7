"""Concurrent download of posters: existing files are kept, temporary failures retried, and missing posters listed."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keyart.catalogue.download.failure import RequestError, safe_url
from keyart.catalogue.download.http_client import Client
from keyart.catalogue.download.poster_store import BadName, PosterStore, name_fault
from keyart.catalogue.download.requests import PosterRequest
from keyart.catalogue.download.retry_policy import RetryPolicy
from keyart.catalogue.image_folder import IMAGE_SUFFIXES, ImageFolder
from keyart.errors import InputError
from keyart.utils.reading import read_bytes

Report = Callable[[int, int], None]
#: Checks that bytes are a complete poster and returns the suffix of their format, such as ``".jpg"``.
Verify = Callable[[bytes], str]

_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<svg")


class NotAPoster(Exception):
    """Error for bytes that are not a complete image.

    Attributes:
        reason: One line.
        temporary: Whether another attempt may return the complete image.
    """

    def __init__(self, reason: str, temporary: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.temporary = reason, temporary


class Lookup(Protocol):
    """Service that finds a poster's URL by IMDb id."""

    async def poster_url(self, imdb_id: str) -> str:
        """Return the poster's URL, or raise a `RequestError`."""


@dataclass(frozen=True)
class Missing:
    """A poster that could not be downloaded."""

    id: str
    url: str
    reason: str


@dataclass(frozen=True)
class FetchResult:
    """Result of a download.

    Attributes:
        posters: Number of requested posters.
        present: Number of posters that existed and were complete.
        fetched: Number of downloaded posters.
        received: Bytes of the downloaded posters.
        missing: The posters that could not be downloaded, in the table's order.
    """

    posters: int
    present: int
    fetched: int
    received: int
    missing: list[Missing]

    def reasons(self) -> list[tuple[str, int]]:
        """Return each reason for missing posters and its count, the most common first."""
        return Counter(poster.reason for poster in self.missing).most_common()


async def fetch(
    posters: Sequence[PosterRequest],
    store: PosterStore,
    client: Client,
    verify: Verify,
    *,
    by_url: bool = True,
    lookup: Lookup | None = None,
    retry_policy: RetryPolicy | None = None,
    workers: int = 16,
    progress: Report | None = None,
) -> FetchResult:
    """Download the posters that do not exist yet.

    Args:
        posters: The requested posters.
        store: The output folder.
        client: The HTTP client.
        verify: Raises `NotAPoster` if the bytes are not a complete poster.
        by_url: Whether to use the posters' own URLs.
        lookup: Finds a URL for each poster that its own URL did not provide.
        retry_policy: Retry policy for temporary failures.
        workers: Number of concurrent downloads.
        progress: Called with (done, total).

    Raises:
        InputError: The folder cannot be written, or the service of ``lookup`` rejects the key.
    """
    job = _Job(store, client, verify, by_url, lookup, retry_policy or RetryPolicy())
    outcomes: list[int | Missing | None] = [None] * len(posters)
    done = 0
    queue = iter(list(enumerate(posters)))

    async def work() -> None:
        nonlocal done
        for at, requested in queue:
            outcomes[at] = await job.one(requested)
            done += 1
            if progress:
                progress(done, len(posters))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(workers, len(posters)))):
                group.create_task(work())
    except ExceptionGroup as group:
        faults = group.exceptions
        raise next((error for error in faults if isinstance(error, InputError)), faults[0]) from None
    received = [outcome for outcome in outcomes if isinstance(outcome, int) and outcome]
    return FetchResult(
        posters=len(posters),
        present=sum(outcome == 0 for outcome in outcomes),
        fetched=len(received),
        received=sum(received),
        missing=[outcome for outcome in outcomes if isinstance(outcome, Missing)],
    )


class _Job:
    def __init__(
        self,
        store: PosterStore,
        client: Client,
        verify: Verify,
        by_url: bool,
        lookup: Lookup | None,
        retry_policy: RetryPolicy,
    ) -> None:
        self._store, self._client, self._verify = store, client, verify
        self._by_url, self._lookup, self._retry_policy = by_url, lookup, retry_policy
        self._folder = ImageFolder(store.root)  # files before the download, matched as in `read_catalogue`

    async def one(self, request: PosterRequest) -> int | Missing:
        """Return the number of downloaded bytes, 0 for an existing poster, or the reason why it is missing."""
        fault = name_fault(request.image)
        if fault:
            return Missing(request.id, safe_url(request.url or ""), fault)
        if await asyncio.to_thread(self._is_there, request):
            return 0
        url, reasons = request.url or "", []
        for seek in self._sources(request):
            try:
                url, data, suffix = await self._persistently(seek)
                await asyncio.to_thread(self._store.write, _file_name(request.image, suffix), data)
            except (RequestError, NotAPoster) as failure:
                reasons.append(failure.reason)
            except BadName as fault:
                return Missing(request.id, safe_url(url), str(fault))
            else:
                return len(data)
        return Missing(request.id, safe_url(url), "; ".join(reasons) or "the table gives no URL")

    def _is_there(self, request: PosterRequest) -> bool:
        self._store.sweep(request.image.replace("\\", "/").rpartition("/")[0])
        found = self._folder.find(request.image, request.imdb_id)
        if found is None:
            return False
        try:
            self._verify(read_bytes(self._store.root / found, self._client.limits.body))
            return True
        except (OSError, NotAPoster):
            pass  # not a readable poster: it is downloaded again and replaced
        return False

    def _sources(self, request: PosterRequest) -> Iterable["_Seek"]:
        if self._by_url and request.url:
            yield _own_url(request.url)
        if self._lookup is not None:
            yield _looked_up(self._lookup, request.imdb_id)

    async def _persistently(self, seek: "_Seek") -> tuple[str, bytes, str]:
        """Return URL, content and suffix; retry after temporary failures."""
        attempt = 0
        while True:
            attempt += 1
            try:
                url = await seek()
                data = await self._client.get(url)
                _refuse_page(data)
                return url, data, await asyncio.to_thread(self._verify, data)
            except (RequestError, NotAPoster) as failure:
                if not failure.temporary or attempt > self._retry_policy.retries:
                    raise
                await asyncio.sleep(self._wait_after(failure, attempt))

    def _wait_after(self, failure: RequestError | NotAPoster, attempt: int) -> float:
        """Return the seconds until the next attempt.

        Raises:
            RequestError: The server requests a wait that is too long.
        """
        own = self._retry_policy.wait(attempt)
        if isinstance(failure, NotAPoster):
            return own
        if failure.retry_after is None:
            return own
        if failure.retry_after > self._retry_policy.max_retry_after:
            failure.reason += f" ({failure.host} asks to wait {failure.retry_after:,.0f} s: run it again after that)"
            self._client.pace.abandon(failure.host, failure.reason)
            raise failure
        self._client.pace.pause(failure.host, failure.retry_after)
        return own + failure.retry_after


class _Seek(Protocol):
    async def __call__(self) -> str: ...


def _own_url(url: str) -> _Seek:
    async def seek() -> str:
        return url

    return seek


def _looked_up(lookup: Lookup, imdb_id: str | None) -> _Seek:
    async def seek() -> str:
        if imdb_id is None:
            raise RequestError("no IMDb id to look it up by")
        return await lookup.poster_url(imdb_id)

    return seek


def _refuse_page(data: bytes) -> None:
    if not data:
        raise NotAPoster("an empty answer", temporary=True)
    if data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGE):
        raise NotAPoster("a page (HTML or XML), not an image")


def _file_name(image: str, suffix: str) -> str:
    """Return the table's file name, with the format's suffix if the name has no image suffix."""
    return image if image.casefold().endswith(IMAGE_SUFFIXES) else image + suffix
