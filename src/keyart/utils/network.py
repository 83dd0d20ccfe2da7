"""Network checks: whether a server is reachable, and whether the user is logged in to W&B.

This module does not import the servers' own clients, because each import takes about a second.
"""

import configparser
import netrc
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

WANDB_CLOUD = "https://api.wandb.ai"
#: HTTP status codes of a proxy or gateway that could not reach the server.
_NOT_THROUGH = (502, 503, 504)


def unreachable_reason(url: str, timeout: float = 3.0) -> str | None:
    """Check whether a server answers; return None if it does, else the reason.

    Any answer counts, also an error message. Proxies from the environment are used.

    Args:
        url: ``http://`` or ``https://`` and the server's name.
        timeout: Maximum wait in seconds, including name resolution.

    Returns:
        None if the server answers, else the reason in a few words.

    Examples:
        >>> unreachable_reason("file:///etc/hosts")
        'file:///etc/hosts is no http address'
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        return f"{url} is no http address"
    answer: SimpleQueue[str | None] = SimpleQueue()

    def ask() -> None:
        try:
            urlopen(Request(url, method="HEAD", headers={"User-Agent": "keyart"}), timeout=timeout).close()
            answer.put(None)
        except HTTPError as error:
            answer.put(f"HTTP {error.code}" if error.code in _NOT_THROUGH else None)
        except Exception as error:
            answer.put(" ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__)

    # Name resolution has no time limit, so the thread may run longer than this function waits.
    Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=timeout)
    except Empty:
        return f"no answer within {timeout:g} s"


@dataclass(frozen=True)
class WandbAccount:
    """W&B login and settings on this machine.

    Args:
        host: The server's address.
        source: Where the credentials come from (never the credentials themselves); None: not logged in.
        mode: The mode set by ``WANDB_MODE`` or ``wandb offline``, or None.
    """

    host: str
    source: str | None
    mode: str | None


def wandb_account(environ: Mapping[str, str] | None = None, workspace: Path | None = None) -> WandbAccount:
    """Return the W&B setup, read in the order of W&B's own client: environment, settings files, netrc.

    Args:
        environ: Environment variables; None: those of the process.
        workspace: Folder that may contain ``wandb/settings``; None: the current folder.
    """
    environ = os.environ if environ is None else environ
    home = Path(environ.get("HOME", "~")).expanduser()
    files = (
        Path(environ.get("WANDB_CONFIG_DIR", home / ".config" / "wandb")) / "settings",
        (workspace or Path.cwd()) / "wandb" / "settings",
    )
    settings: dict[str, str] = {}
    key_file: Path | None = None
    for file in files:
        found = _read_settings(file)
        settings |= found
        key_file = file if "api_key" in found else key_file
    host = (environ.get("WANDB_BASE_URL") or settings.get("base_url") or WANDB_CLOUD).rstrip("/")
    source = next((name for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE") if environ.get(name)), None)
    if source is None and key_file is not None:
        source = str(key_file)
    return WandbAccount(
        host, source or _netrc_with(host, environ, home), environ.get("WANDB_MODE") or settings.get("mode")
    )


def _read_settings(file: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):  # W&B's own client also treats such a file as empty
        return {}
    return dict(parser["default"]) if parser.has_section("default") else {}


def _netrc_with(host: str, environ: Mapping[str, str], home: Path) -> str | None:
    """Return the netrc file with an entry for ``host``, or None."""
    named = environ.get("NETRC")
    for file in [Path(named).expanduser()] if named else [home / ".netrc", home / "_netrc"]:
        try:
            entry = netrc.netrc(str(file)).authenticators(urlsplit(host).netloc)
        except (OSError, netrc.NetrcParseError):
            continue
        if entry is not None and entry[2]:
            return str(file)
    return None
