"""Limits of one HTTP request, and the exception for its failure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


class RequestError(Exception):
    """Failure of an HTTP request.

    Attributes:
        reason: One line, without secrets.
        temporary: Whether another attempt may succeed.
        host: The host that failed.
        retry_after: Seconds to wait that the server requests (Retry-After), or None.
        status: The HTTP status of the response, if the status is the reason.
    """

    def __init__(
        self,
        reason: str,
        *,
        temporary: bool = False,
        host: str = "",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.temporary, self.host, self.retry_after, self.status = (
            reason,
            temporary,
            host,
            retry_after,
            status,
        )


@dataclass(frozen=True)
class RequestLimits:
    """Limits of one HTTP request.

    Attributes:
        seconds: Maximum total time, including redirects.
        body: Maximum size of the response in bytes.
        redirects: Maximum number of redirects.
    """

    seconds: float = 30.0
    body: int = 20_000_000
    redirects: int = 5


def safe_url(url: str) -> str:
    """Return a URL without user name and password, for lists and messages.

    Examples:
        >>> safe_url("https://me:secret@example.org/a.jpg")
        'https://example.org/a.jpg'
        >>> safe_url("https://me:secret@[no/address.jpg")
        'https://[no/address.jpg'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/?#]*@", "//", url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
