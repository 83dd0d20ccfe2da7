"""One GET, with every limit: address, scheme, redirects, size, time."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from keyart import __version__
from keyart.catalogue.download.addresses import NOT_PUBLIC, MayConnect, guarded_socket, may_connect_publicly
from keyart.catalogue.download.failure import Failure, Limits
from keyart.catalogue.download.retry_policy import Pace, asked_wait

if TYPE_CHECKING:
    import aiohttp

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
CONNECT_SECONDS = 10.0


class Client:
    """GET requests at a polite pace to addresses that are allowed; an asynchronous context manager.

    Neither proxies nor credentials are taken from the environment: a proxy would resolve names itself, unchecked.

    Args:
        pace: Turns for each host.
        limits: What one request may cost.
        connections: Connections at a time.
        may_connect: Says whether an address and port are allowed.
        resolver: Resolves names; by default the system does.
    """

    def __init__(
        self,
        pace: Pace,
        limits: Limits | None = None,
        connections: int = 16,
        may_connect: MayConnect = may_connect_publicly,
        resolver: "aiohttp.abc.AbstractResolver | None" = None,
    ) -> None:
        self.pace, self.limits = pace, limits or Limits()
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
        """The body of an answer with status 200.

        Args:
            url: http or https.
            headers: Sent to ``url``, never to where it redirects.
            redirects: How many are followed; by default the limit's.

        Raises:
            Failure: For every reason; its text holds neither headers nor more of ``url`` than the host.
        """
        import aiohttp

        left = self.limits.redirects if redirects is None else redirects
        deadline = None
        while True:
            host = _host(url)
            if why := self.pace.given_up(host):
                raise Failure(why, host=host)
            await self.pace.turn(host)
            # The clock starts after the first turn: waiting in our own queue is nobody's slowness.
            deadline = deadline or asyncio.get_running_loop().time() + self.limits.seconds
            try:
                async with asyncio.timeout_at(deadline):
                    answer = await self._once(url, host, headers or {})
            except aiohttp.ConnectionTimeoutError:
                raise self._unreached(f"no connection to {host} within {CONNECT_SECONDS:g} s", host) from None
            except TimeoutError:
                raise Failure(f"no whole answer within {self.limits.seconds:g} s", passing=True, host=host) from None
            except aiohttp.ClientError as error:
                raise self._failure(error, host) from None
            except (ValueError, OSError) as error:
                raise Failure(f"cannot be asked for ({type(error).__name__})", host=host) from None
            self.pace.reached(host, True)
            if isinstance(answer, bytes):
                return answer
            if left == 0:
                raise Failure("too many redirects", host=host)
            try:
                left, url, headers = left - 1, urljoin(url, answer), None
            except ValueError:
                raise Failure("a redirect to no valid URL", host=host) from None

    async def _once(self, url: str, host: str, headers: Mapping[str, str]) -> bytes | str:
        """The body, or where the answer redirects to."""
        async with self._session.get(url, headers=dict(headers), allow_redirects=False) as response:
            if response.status in REDIRECTS:
                target = response.headers.get("Location")
                if not target:
                    raise Failure(f"HTTP {response.status} without a target", host=host)
                return target
            if response.status != 200:
                passing = response.status in PASSING
                asked = asked_wait(response.headers.get("Retry-After")) if passing else None
                raise Failure(
                    f"HTTP {response.status}", passing=passing, host=host, asked=asked, status=response.status
                )
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise Failure("a compressed answer, which was not asked for", host=host)
            if (response.content_length or 0) > self.limits.body:
                raise self._too_large(host)
            body = bytearray()
            async for piece in response.content.iter_chunked(65536):
                body += piece
                if len(body) > self.limits.body:
                    raise self._too_large(host)
            return bytes(body)

    def _unreached(self, reason: str, host: str) -> Failure:
        self.pace.reached(host, False)
        return Failure(reason, passing=True, host=host)

    def _too_large(self, host: str) -> Failure:
        return Failure(f"larger than {self.limits.body:,} bytes", host=host)

    def _failure(self, error: "aiohttp.ClientError", host: str) -> Failure:
        import aiohttp

        if isinstance(error, aiohttp.ClientPayloadError):
            return Failure("the answer breaks off", passing=True, host=host)
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            return Failure(f"no trusted connection to {host}", host=host)
        if isinstance(error, aiohttp.ClientConnectorError):
            if NOT_PUBLIC in str(error.os_error):
                return Failure(f"{host} {NOT_PUBLIC} (allow it with --allow-private)", host=host)
            found = not isinstance(error, aiohttp.ClientConnectorDNSError)
            return self._unreached(f"no connection to {host}" if found else f"no address known of {host}", host)
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            return Failure("the connection was closed", passing=True, host=host)
        if isinstance(error, aiohttp.InvalidURL):
            return Failure("no valid URL", host=host)
        return Failure(f"a broken answer ({type(error).__name__})", host=host)


def _host(url: str) -> str:
    """Host and, where it is given, port.

    Raises:
        Failure: The URL has none, or is neither http nor https.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Failure("no valid URL") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise Failure(f"neither http nor https ({parts.scheme or 'no scheme'})")
    if not host:
        raise Failure("no valid URL")
    return f"{host}:{port}" if port else host
