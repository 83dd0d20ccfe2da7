"""Start of the server: socket, token, permitted names, browser."""

import logging
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable, Collection

import uvicorn

from keyart.errors import InputError
from keyart.web.app import create_app
from keyart.web.library import Library

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
TOKEN_VARIABLE = "KEYART_TOKEN"
"""Environment variable with a fixed token, for services; without it each start has a fresh one."""
SHORTEST_TOKEN = 16


def serve(
    library: Library,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    names: Collection[str] = (),
    browser: bool = True,
    report: Callable[[str], None] = print,
) -> None:
    """Serve runs until Ctrl-C.

    Args:
        library: The runs to show.
        host: Address to listen on.
        port: Port to listen on; 0: any free one.
        names: Further values of the Host header to permit, such as a proxy's public name.
        browser: Whether to open a browser.
        report: Called with the address once the server listens.

    Raises:
        InputError: The address cannot be used, or the token of the environment is too short.
    """
    token = os.environ.get(TOKEN_VARIABLE) or secrets.token_urlsafe(32)
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or set(token) & set(' ",;\\%&+#'):
        raise InputError(f"{TOKEN_VARIABLE}: must have at least {SHORTEST_TOKEN} letters and digits; use a longer one")
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"``host={host}`` ``port={port}``: cannot be used ({reason}); name another port") from None
    port = listening.getsockname()[1]
    hosts = permitted_hosts(host, port, names)
    app = create_app(library, token, hosts)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_keep_alive=20
    )
    address = f"http://{hosts[0]}/?token={token}"
    report(address)
    for name in names:
        report(f"as {name}: https://{name}/?token={token} (https by the proxy)")
    if browser:
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    server = uvicorn.Server(config)
    # After a second Ctrl-C nothing that is cut short is a fault.
    log = logging.getLogger("uvicorn.error")
    log.addFilter(own := lambda _: not server.force_exit)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        log.removeFilter(own)
        listening.close()


def permitted_hosts(host: str, port: int, names: Collection[str] = ()) -> list[str]:
    """Return the permitted values of the Host header, the one to print first.

    Examples:
        >>> permitted_hosts("127.0.0.1", 8000)
        ['127.0.0.1:8000', 'localhost:8000', '[::1]:8000']
        >>> permitted_hosts("0.0.0.0", 80, ["posters.example.org"])
        ['127.0.0.1:80', 'localhost:80', '[::1]:80', 'posters.example.org', '127.0.0.1', 'localhost', '[::1]']
    """
    own = f"[{host}]" if ":" in host else host
    listed = LOOPBACK if own in ("0.0.0.0", "[::]") else (own, *(name for name in LOOPBACK if name != own))
    found = [f"{name}:{port}" for name in listed] + list(names)
    # Clients leave the default port out.
    return found + (list(listed) if port == 80 else [])
