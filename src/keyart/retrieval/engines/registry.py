"""All index engines by name; a new one needs one line here."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyart.errors import InputError

if TYPE_CHECKING:
    from keyart.retrieval.engines.base import Engine
    from keyart.retrieval.searchable import Searchable

#: Module and class of each engine, imported when the engine is used.
ENGINES = {
    "flat": "keyart.retrieval.engines.flat.FlatEngine",
    "hnsw": "keyart.retrieval.engines.hnsw.HNSWEngine",
    "ivfpq": "keyart.retrieval.engines.ivfpq.IVFPQEngine",
    "milvus": "keyart.retrieval.engines.milvus.MilvusEngine",
}
FLAT_UP_TO = 100_000
"""Number of rows up to which exact search takes a few milliseconds on one core."""


def find_engine(name: str) -> "type[Engine]":
    """Return the engine of a name.

    Raises:
        InputError: There is no such engine.

    Examples:
        >>> find_engine("annoy")
        Traceback (most recent call last):
        keyart.errors.InputError: engine annoy: unknown; choose one of flat, hnsw, ivfpq, milvus
    """
    if name not in ENGINES:
        raise InputError(f"engine {name}: unknown; choose one of {', '.join(ENGINES)}")
    module, _, attribute = ENGINES[name].rpartition(".")
    found: type[Engine] = getattr(import_module(module), attribute)
    return found


def engines_with(option: str) -> list[str]:
    """Return the names of the engines that take an option.

    Examples:
        >>> engines_with("uri")
        ['milvus']
    """
    return [name for name in ENGINES if option in find_engine(name).options]


def connect(uri: str, collection: str | None, embedder: Path | None) -> "Searchable":
    """Open the index at a URI, with the engine that takes URIs.

    Args:
        uri: A file or a server's address.
        collection: The collection's name; None: keyart's own.
        embedder: The folder of the embedder whose vectors the index must hold; None: not checked.
    """
    (name,) = engines_with("uri")
    engine: Any = find_engine(name)
    found: Searchable = engine.connect(uri, collection, embedder)
    return found


def choose_engine(rows: int) -> str:
    """Return the name of the default engine for a catalogue of some size.

    Compressed lists are faster to build than a graph, and smaller: beside each row of 128 numbers they need 40 bytes, a
    graph with 32 links about 270. Their proposals are rescored exactly. ``benchmarks/index.py --engine hnsw`` compares
    both.

    Examples:
        >>> [choose_engine(n) for n in (5_000, 1_000_000, 50_000_000)]
        ['flat', 'ivfpq', 'ivfpq']
    """
    return "flat" if rows <= FLAT_UP_TO else "ivfpq"


def engine_table() -> str:
    """Return the table of engines in Markdown."""
    rows = ["| `--engine` | what it is | chosen by measured recall |", "| --- | --- | --- |"]
    for name in ENGINES:
        engine = find_engine(name)
        chosen = "; ".join(f"`{key}`: {parameter.description}" for key, parameter in engine.parameters.items())
        rows.append(f"| `{name}` | {engine.summary} | {chosen or '–'} |")
    return "\n".join(rows)
