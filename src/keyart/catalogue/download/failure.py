"""What one request may cost, and why it failed."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


class Failure(Exception):
    """Why an answer could not be had.

    Attributes:
        reason: One line, without secrets.
        passing: Whether another attempt may succeed.
        host: The host that failed.
        asked: Seconds that the server asks to wait, or None.
        status: The answer's HTTP status, where that is what is wrong.
    """

    def __init__(
        self,
        reason: str,
        *,
        passing: bool = False,
        host: str = "",
        asked: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.passing, self.host, self.asked, self.status = reason, passing, host, asked, status


@dataclass(frozen=True)
class Limits:
    """What one request may cost.

    Attributes:
        seconds: Time for the whole of it, redirects included.
        body: Bytes of the answer.
        redirects: How many are followed.
    """

    seconds: float = 30.0
    body: int = 20_000_000
    redirects: int = 5


def safe_url(url: str) -> str:
    """A URL without user name and password, for lists and messages.

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
