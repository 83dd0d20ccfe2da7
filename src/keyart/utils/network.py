"""What lies beyond this machine: whether a server answers, and whether one is logged in there.

Nothing here imports the servers' own clients, which take a second each.
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
#: Answers of a proxy or gateway that did not get through to the server.
_NOT_THROUGH = (502, 503, 504)


def why_unreachable(url: str, timeout: float = 3.0) -> str | None:
    """Ask a server for anything at all.

    Any answer counts, an error message too. Proxies from the environment are used.

    Args:
        url: ``http://`` or ``https://`` and the server's name.
        timeout: Seconds to wait, name resolution included.

    Returns:
        None when it answers, else the reason in a few words.

    Examples:
        >>> why_unreachable("file:///etc/hosts")
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

    # Resolving a name has no time limit of its own: the thread may outlive the wait for it.
    Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=timeout)
    except Empty:
        return f"no answer within {timeout:g} s"


@dataclass(frozen=True)
class WandbAccount:
    """How W&B is set up on this machine.

    Args:
        host: The server's address.
        source: Where the credentials come from (never what they are); None: not logged in.
        mode: The mode that was set from outside (``WANDB_MODE``, ``wandb offline``), if any.
    """

    host: str
    source: str | None
    mode: str | None


def wandb_account(environ: Mapping[str, str] | None = None, workspace: Path | None = None) -> WandbAccount:
    """Find out how W&B is set up, in the order in which its client looks: environment, settings files, netrc.

    Args:
        environ: Environment variables; None: the process's own.
        workspace: Folder that may hold ``wandb/settings``; None: the current one.
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
    except (configparser.Error, OSError, UnicodeDecodeError):  # wandb's client, too, treats such a file as empty
        return {}
    return dict(parser["default"]) if parser.has_section("default") else {}


def _netrc_with(host: str, environ: Mapping[str, str], home: Path) -> str | None:
    """The netrc file that has an entry for ``host``."""
    named = environ.get("NETRC")
    for file in [Path(named).expanduser()] if named else [home / ".netrc", home / "_netrc"]:
        try:
            entry = netrc.netrc(str(file)).authenticators(urlsplit(host).netloc)
        except (OSError, netrc.NetrcParseError):
            continue
        if entry is not None and entry[2]:
            return str(file)
    return None
