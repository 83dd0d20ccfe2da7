"""The one security layer of the server: it sees every request before any route does, and every response after."""

import hmac
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = frozenset({"/health"})
"""Paths that need no token: a health check says only that the server runs."""

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Gate:
    """ASGI middleware that guards every route of an app, those that do not exist included.

    A request passes if

    - its only Host header is one of ``hosts``, port included (a name that an attacker points at 127.0.0.1 is not),
    - it does not come from another site: ``Sec-Fetch-Site`` is absent, ``same-origin`` or ``none``, and ``Origin`` is
      absent or this server's own,
    - it carries the token: in the cookie, or as ``Authorization: Bearer``.

    A page's address with ``?token=`` sets the cookie (HttpOnly, SameSite=Strict) and redirects to the address without
    it. No header permits other sites to read a response.

    Args:
        app: The application.
        token: The secret of this start.
        hosts: Permitted values of the Host header, in lower case.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Collection[str]) -> None:
        if not token:
            raise ValueError("token: must not be empty")
        self.app, self.hosts = app, frozenset(host.lower() for host in hosts)
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        await (answer or self.app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the response to a request that does not pass; None if it passes."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            fix = "open the address that keyart serve printed, or permit this name with keyart serve --name"
            return refusal(scope, 403, f"this host name is not served here; {fix}")
        host = hosts[0].lower()
        own = {f"http://{host}", f"https://{host}"}
        foreign = any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site"))
        if foreign or any(origin.lower() not in own for origin in headers.getlist("origin")):
            return refusal(scope, 403, "requests from other sites are refused; open the address in a new tab")
        if scope["path"] in OPEN_PATHS:
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in query if name == "token"]
        if given and scope["method"] == "GET":
            if not all(self._is_token(value) for value in given):
                return refusal(scope, 401, "this token is not valid any more; open the address that was printed last")
            return self._signed_in(scope, host, [(name, value) for name, value in query if name != "token"])
        if not any(self._is_token(value) for value in self._carried(headers, host)):
            return refusal(scope, 401, "no valid token; open the address that keyart serve printed")
        return None

    def _signed_in(self, scope: Scope, host: str, query: list[tuple[str, str]]) -> Response:
        # A path of two slashes would lead to another host.
        path = "/" + quote(scope["path"].lstrip("/"), safe="/")
        response = RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), status_code=303)
        response.set_cookie(
            cookie_name(host), self._token.decode(), httponly=True, samesite="strict", secure=scope["scheme"] == "https"
        )
        return response

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode("utf-8", "surrogatepass"), self._token)

    @staticmethod
    def _carried(headers: Headers, host: str) -> list[str]:
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        found = [credentials.strip()] if scheme.lower() == "bearer" else []
        for line in headers.getlist("cookie"):
            try:
                cookie: SimpleCookie = SimpleCookie(line)
            except CookieError:
                continue
            if (own := cookie.get(cookie_name(host))) is not None:
                found.append(own.value)
        return found


def cookie_name(host: str) -> str:
    """Return the cookie's name: browsers share the cookies of a host among its ports, so it holds the port.

    Examples:
        >>> cookie_name("127.0.0.1:8000"), cookie_name("posters.example.org")
        ('keyart-8000', 'keyart-443')
    """
    _, _, port = host.rpartition(":")
    return f"keyart-{port if port.isdecimal() else 443}"


def refusal(scope: Scope, status: int, message: str) -> Response:
    """Return an error: JSON for the API, a line of text for a page."""
    if scope["path"].startswith("/api/"):
        return JSONResponse({"error": message}, status)
    return PlainTextResponse(f"keyart: {message}\n", status)
