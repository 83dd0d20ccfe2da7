"""Milvus client: one interface to an embedded file or a cluster, with errors as one-line messages."""

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from keyart.errors import InputError
from keyart.utils.paths import FORMER_NAME

REGISTRY = "keyart_collections"
REGISTRIES = (REGISTRY, f"{FORMER_NAME}_collections")
"""Registry collections, the current and the former name.

The registry has one row per keyart collection: its metadata, and whether the collection is complete.
"""
TEXT_BYTES = 65_535
"""Maximum length of a text field in bytes."""
NEVER_MS = 2**31 - 1
"""gRPC's number for an interval without an end."""


def is_file(uri: str) -> bool:
    """Return whether a URI names an embedded file and not a server.

    Examples:
        >>> is_file("posters/milvus.db"), is_file("http://localhost:19530")
        (True, False)
    """
    return "://" not in uri


def redact_uri(uri: str) -> str:
    """Return a URI without user and password, safe for messages and files.

    Examples:
        >>> redact_uri("https://me:secret@milvus.example:19530"), redact_uri("posters/milvus.db")
        ('https://milvus.example:19530', 'posters/milvus.db')
    """
    if is_file(uri):
        return uri
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def check_uri(uri: str) -> None:
    """Check the URI of an embedded file or a server.

    Examples:
        >>> check_uri("http://localhost:0")
        Traceback (most recent call last):
        keyart.errors.InputError: uri='http://localhost:0': is not an address; name a server such as http://localhost:19530
    """
    if is_file(uri):
        if Path(uri).suffix != ".db":
            raise InputError(
                "name a file that ends in .db, or a server such as http://localhost:19530", parameter="uri", value=uri
            )
        if Path(uri).is_file():
            raise InputError("contains something else than Milvus's files; name another", parameter="uri", value=uri)
        return
    try:
        parts = urlsplit(uri)
        # The client treats an address without a host as this machine.
        known = parts.scheme == "unix" or (parts.hostname and parts.port != 0)
    except ValueError:
        known = False
    if not known:
        raise InputError(
            "is not an address; name a server such as http://localhost:19530", parameter="uri", value=_without_user(uri)
        )


def _without_user(uri: str) -> str:
    """Remove user and password from a URI, also from one that cannot be parsed."""
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def check_collection(name: str) -> None:
    """Check the name of a collection before it is filled."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,254}", name):
        raise InputError(
            "name it with at most 255 letters, digits and underscores, no digit first",
            parameter="collection",
            value=name[:80],
        )
    if name in REGISTRIES:
        raise InputError(
            "keyart uses this name for its own records; choose another", parameter="collection", value=name
        )


def connect(uri: str, *, create: bool = False) -> Any:
    """Return a connected ``pymilvus.MilvusClient``.

    Args:
        uri: A path ending in ``.db`` for an embedded file, otherwise a cluster's address. The address may include user
            and password; a token may be in the environment variable ``MILVUS_TOKEN``.
        create: Create the embedded file if it does not exist.

    Raises:
        InputError: pymilvus is not installed, the file or server does not exist, or another process holds the file.
    """
    try:
        # gRPC writes to standard error what it also raises. It reads this when it is loaded.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        import pymilvus
    except ImportError:
        raise InputError("milvus: pymilvus is not installed; pip install -e '.[milvus]'") from None
    # These packages log each error with its traceback before they raise it.
    for name in ("pymilvus", "milvus_lite", "grpc._server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if is_file(uri):
        from keyart.retrieval.exact_search.faiss_search import accept_params

        # The embedded server uses FAISS in this process.
        accept_params()
        if getattr(threading.excepthook, "func", None) is not _say_unless_serving:
            threading.excepthook = partial(_say_unless_serving, threading.excepthook)
        path = Path(uri)
        if create:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"cannot be written ({error.strerror}); name another file", parameter="uri", value=uri
                ) from None
        elif not path.exists():
            raise InputError(
                "there is no such file; create it with keyart index, ``engine=milvus``", parameter="uri", value=uri
            )
    # An embedded server ends connections that ask every ten seconds whether it is alive, as pymilvus does by default.
    options = {"grpc_options": {"grpc.keepalive_time_ms": NEVER_MS}} if is_file(uri) else {}
    with one_line_errors(uri, opening=True):
        return pymilvus.MilvusClient(uri, token=os.environ.get("MILVUS_TOKEN", ""), timeout=10, **options)


def _say_unless_serving(report: Callable[[Any], object], raised: Any) -> None:
    """Report an exception that ended a thread, but not one of an embedded server that is being stopped."""
    if raised.thread is None or "(_serve)" not in raised.thread.name:
        report(raised)


def disconnect(client: Any, uri: str) -> None:
    """Close a client; for an embedded file, also stop its in-process server, so that other processes can open it."""
    client.close()
    if is_file(uri):
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(uri)


@contextmanager
def one_line_errors(uri: str, *, opening: bool = False, fix: str | None = None) -> Iterator[None]:
    """Convert errors of Milvus to one-line input errors.

    Args:
        uri: The file or server.
        opening: Whether the client is being opened. Only then can another process hold an embedded file.
        fix: Advice in the message; None: advice for a failed read.

    Raises:
        InputError: Milvus failed.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError, OSError) as error:
        reason = str(getattr(error, "message", None) or error).strip().partition("\n")[0]
        advice = "check the address and the server"
        if is_file(uri):
            advice = (
                "wait for it to end, or use a server" if (held := opening and is_held(Path(uri))) else "build it again"
            )
            reason = "another process has it open" if held else reason
        text = reason.replace(uri, redact_uri(uri))
        raise InputError(f"{text}; {fix or advice}", parameter="uri", value=redact_uri(uri)) from None


def is_held(path: Path) -> bool:
    """Return whether a process has an embedded file open: Milvus does not report this itself."""
    import fcntl

    try:
        with (path / "LOCK").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_description(client: Any, uri: str, collection: str) -> dict[str, Any] | None:
    """Read a collection's metadata from the registry; None if the registry or the collection does not exist."""
    with one_line_errors(uri):
        registry = next(filter(client.has_collection, REGISTRIES), None)
        if registry is None or not client.has_collection(collection):
            return None
        client.load_collection(registry)
        rows = client.get(registry, ids=[collection], output_fields=["about"])
    try:
        return dict(json.loads(rows[0]["about"])) if rows else None
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"what it says of {collection} is damaged; build it again", parameter="uri", value=redact_uri(uri)
        ) from None


def write_description(client: Any, uri: str, collection: str, description: dict[str, Any]) -> None:
    """Write a collection's metadata to the registry."""
    from pymilvus import DataType

    with one_line_errors(uri):
        if not client.has_collection(REGISTRY):
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("name", DataType.VARCHAR, is_primary=True, max_length=255)
            schema.add_field("about", DataType.VARCHAR, max_length=TEXT_BYTES)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)  # Milvus requires a vector field
            params = client.prepare_index_params()
            params.add_index("vector", index_type="FLAT", metric_type="L2")
            client.create_collection(REGISTRY, schema=schema, index_params=params, consistency_level="Strong")
        row = {"name": collection, "about": json.dumps(description, ensure_ascii=False), "vector": [0.0, 0.0]}
        client.upsert(REGISTRY, [row])
        client.flush(REGISTRY)
