"""HTTP GET client with limits on address, scheme, redirects, size and time."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from keyart import __version__
from keyart.catalogue.download.addresses import NOT_PUBLIC, MayConnect, guarded_socket, may_connect_publicly
from keyart.catalogue.download.failure import RequestError, RequestLimits
from keyart.catalogue.download.retry_policy import RateLimiter, parse_retry_after

if TYPE_CHECKING:
    import aiohttp

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONNECT_SECONDS = 10.0


class Client:
    """Rate-limited HTTP GET client for allowed addresses; an asynchronous context manager.

    The client ignores proxies and credentials in the environment: a proxy would resolve host names itself, without the
    address check.

    Args:
        pace: Rate limiter for each host.
        limits: Limits of one request.
        connections: Maximum number of simultaneous connections.
        may_connect: Returns whether an address and port are allowed.
        resolver: Resolves host names; by default the system resolver.
    """

    def __init__(
        self,
        pace: RateLimiter,
        limits: RequestLimits | None = None,
        connections: int = 16,
        may_connect: MayConnect = may_connect_publicly,
        resolver: "aiohttp.abc.AbstractResolver | None" = None,
    ) -> None:
        self.pace, self.limits = pace, limits or RequestLimits()
        self._connections, self._may_connect, self._resolver = connections, may_connect, resolver

    async def __aenter__(self) -> "Client":
        import aiohttp

        connector = aiohttp.TCPConnector(
            limit=self._connections,
            resolver=self._resolver,
            socket_factory=guarded_socket(self._may_connect),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            headers={"User-Agent": f"keyart/{__version__}", "Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, redirects: int | None = None) -> bytes:
        """Return the body of a response with status 200.

        Args:
            url: An http or https URL.
            headers: Sent to ``url``, never to the target of a redirect.
            redirects: Maximum number of redirects; by default that of the limits.

        Raises:
            RequestError: The request failed, for any reason; the text contains no headers and only the host of ``url``.
        """
        import aiohttp

        left = self.limits.redirects if redirects is None else redirects
        deadline = None
        while True:
            host = _host(url)
            if why := self.pace.given_up(host):
                raise RequestError(why, host=host)
            await self.pace.wait_turn(host)
            # The time limit starts after the first turn: waiting for our own rate limiter does not count.
            deadline = deadline or asyncio.get_running_loop().time() + self.limits.seconds
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await self._once(url, host, headers or {})
            except aiohttp.ConnectionTimeoutError:
                raise self._unreached(f"no connection to {host} within {CONNECT_SECONDS:g} s", host) from None
            except TimeoutError:
                raise RequestError(
                    f"no complete answer within {self.limits.seconds:g} s", temporary=True, host=host
                ) from None
            except aiohttp.ClientError as error:
                raise self._failure(error, host) from None
            except (ValueError, OSError) as error:
                raise RequestError(f"cannot be requested ({type(error).__name__})", host=host) from None
            self.pace.reached(host, True)
            if isinstance(answer, bytes):
                return answer
            if left == 0:
                raise RequestError("too many redirects", host=host)
            try:
                left, url, headers = left - 1, urljoin(url, answer), None
            except ValueError:
                raise RequestError("a redirect to an invalid URL", host=host) from None

    async def _once(self, url: str, host: str, headers: Mapping[str, str]) -> bytes | str:
        """Send one request; return the body, or the target of a redirect."""
        async with self._session.get(url, headers=dict(headers), allow_redirects=False) as response:
            if response.status in REDIRECTS:
                target = response.headers.get("Location")
                if not target:
                    raise RequestError(f"HTTP {response.status} without a target", host=host)
                return target
            if response.status != 200:
                temporary = response.status in PASSING
                retry_after = parse_retry_after(response.headers.get("Retry-After")) if temporary else None
                raise RequestError(
                    f"HTTP {response.status}",
                    temporary=temporary,
                    host=host,
                    retry_after=retry_after,
                    status=response.status,
                )
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise RequestError("a compressed answer, which was not requested", host=host)
            if (response.content_length or 0) > self.limits.body:
                raise self._too_large(host)
            body = bytearray()
            async for piece in response.content.iter_chunked(65536):
                body += piece
                if len(body) > self.limits.body:
                    raise self._too_large(host)
            return bytes(body)

    def _unreached(self, reason: str, host: str) -> RequestError:
        self.pace.reached(host, False)
        return RequestError(reason, temporary=True, host=host)

    def _too_large(self, host: str) -> RequestError:
        return RequestError(f"larger than {self.limits.body:,} bytes", host=host)

    def _failure(self, error: "aiohttp.ClientError", host: str) -> RequestError:
        import aiohttp

        if isinstance(error, aiohttp.ClientPayloadError):
            return RequestError("the answer breaks off", temporary=True, host=host)
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            return RequestError(f"no trusted connection to {host}", host=host)
        if isinstance(error, aiohttp.ClientConnectorError):
            if NOT_PUBLIC in str(error.os_error):
                return RequestError(f"{host} {NOT_PUBLIC} (allow it with --allow-private)", host=host)
            found = not isinstance(error, aiohttp.ClientConnectorDNSError)
            return self._unreached(f"no connection to {host}" if found else f"no known address of {host}", host)
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            return RequestError("the connection was closed", temporary=True, host=host)
        if isinstance(error, aiohttp.InvalidURL):
            return RequestError("an invalid URL", host=host)
        return RequestError(f"a broken answer ({type(error).__name__})", host=host)


def _host(url: str) -> str:
    """Return the host of a URL, with its port if there is one.

    Raises:
        RequestError: The URL has no host, or is neither http nor https.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise RequestError("an invalid URL") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise RequestError(f"neither http nor https ({parts.scheme or 'no scheme'})")
    if not host:
        raise RequestError("an invalid URL")
    return f"{host}:{port}" if port else host
