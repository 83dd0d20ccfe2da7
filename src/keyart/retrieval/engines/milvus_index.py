"""Index in a Milvus collection: search, filters and metadata queries run in Milvus and are not read into memory."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from keyart.errors import InputError
from keyart.retrieval.engines.milvus_client import (
    check_uri,
    connect,
    disconnect,
    is_file,
    one_line_errors,
    read_description,
    redact_uri,
)
from keyart.retrieval.filters import find_genres
from keyart.utils.checksums import embedder_digest, verify_files
from keyart.utils.paths import FORMER_NAME

COLLECTION = "keyart"
COLUMNS = ("id", "film", "img", "title", "year", "genres", "split")
MAX_RESULTS = 16_384
"""Milvus's limit on the number of results of one query."""
QUERIES = 256
ROWS = 1000
CONTENTS = "keyart.json"
"""File in the folder of an embedded database with the sizes and checksums of its contents."""


@dataclass(frozen=True)
class Expression:
    """Filter expression of Milvus.

    Args:
        text: The boolean expression.
        count: Number of posters that match it.
    """

    text: str
    count: int

    def __len__(self) -> int:
        return self.count


@dataclass(frozen=True, eq=False)
class MilvusIndex:
    """N posters with their unit vectors in a Milvus collection; see :class:`keyart.retrieval.searchable.Searchable`.

    Args:
        client: ``pymilvus.MilvusClient``.
        uri: The file or address that the client is connected to.
        collection: The collection's name.
        description: The collection's metadata in the registry: ``posters``, ``dimensions``, ``genres``, ``effort`` …
        notes: ``embedder``, ``images``, ``recall@10``.
    """

    client: Any
    uri: str
    collection: str
    description: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, uri: str, collection: str = COLLECTION, embedder: Path | None = None) -> "MilvusIndex":
        """Open a collection that :func:`keyart.retrieval.engines.milvus_build.build_milvus` filled.

        Args:
            uri: An embedded file (``….db``) or a cluster's address.
            collection: The collection's name.
            embedder: The folder of the embedder whose vectors the collection must hold; None: not checked.

        Raises:
            InputError: The collection does not exist, is incomplete, or holds another embedder's vectors.
        """
        again = "build it again with keyart index, ``engine=milvus``"
        check_uri(uri)
        if is_file(uri):
            _check_file(Path(uri), again)
        client = connect(uri)
        description = read_description(client, uri, collection)
        if (
            description is None
            and collection == COLLECTION
            and (description := read_description(client, uri, FORMER_NAME))
        ):
            collection = FORMER_NAME
        if description is None:
            raise InputError(
                f"holds no posters in a collection {collection!r}; {again}", parameter="uri", value=redact_uri(uri)
            )
        if not description.get("whole"):
            raise InputError(
                f"{collection!r} is not filled yet; run keyart index to the end", parameter="uri", value=redact_uri(uri)
            )
        if embedder is not None and description["embedder"] != embedder_digest(embedder):
            raise InputError(
                f"{collection!r} holds another embedder's vectors than {embedder.parent}'s; name that run, or {again}",
                parameter="uri",
                value=redact_uri(uri),
            )
        index = cls(
            client, uri, collection, description, {key: description[key] for key in ("embedder", "images", "recall@10")}
        )
        with one_line_errors(uri):
            client.load_collection(collection)
        found = index.count()
        if found != description["posters"]:
            raise InputError(
                f"{collection!r} is damaged ({found} posters of {description['posters']}); {again}",
                parameter="uri",
                value=redact_uri(uri),
            )
        return index

    def close(self) -> None:
        """Close the connection, or release the file, which only one process at a time can open."""
        disconnect(self.client, self.uri)

    def __len__(self) -> int:
        return int(self.description["posters"])

    @property
    def dimensions(self) -> int:
        """Embedding size E."""
        return int(self.description["dimensions"])

    @cached_property
    def posters(self) -> pd.DataFrame:
        """(N rows) metadata of all posters, read once; lookups of titles and histories need it."""
        parts: list[dict[str, Any]] = []
        with one_line_errors(self.uri):
            rows = self.client.query_iterator(self.collection, batch_size=ROWS, output_fields=["row", *COLUMNS])
            while part := rows.next():
                parts += part
            rows.close()
        records = [as_record(one) for one in sorted(parts, key=lambda one: one["row"])]
        return pd.DataFrame(records).astype({"year": "Int64"})

    @cached_property
    def table(self) -> pa.Table:
        """(N rows) the same as an Arrow table."""
        return pa.Table.from_pandas(self.posters, preserve_index=False)

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if the index does not have it."""
        found = self._query(f"id == {json.dumps(one, ensure_ascii=False)}", ["row"])
        return int(found[0]["row"]) if found else None

    def metadata(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return the metadata of some rows, in the order of ``rows``; None where a value is unknown."""
        return [as_record(one) for one in self._get(rows, list(COLUMNS))]

    def vectors(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return all (N, E) vectors, or the (R, E) vectors of some rows."""
        requested = np.arange(len(self)) if rows is None else rows
        found = [one["vector"] for one in self._get(requested, ["vector"])]
        return np.asarray(found, dtype=np.float32).reshape(len(requested), self.dimensions)

    def selection(self, genres: Sequence[str] = (), years: tuple[int, int] | None = None) -> Expression | None:
        """Return a filter for the posters that have all required genres (case-insensitive) and a year within a range.

        Returns:
            The filter; None if there are neither genres nor years.

        Raises:
            InputError: The index does not have a required genre, or no poster matches.
        """
        if not genres and years is None:
            return None
        asked, terms = find_genres(genres, map(str, self.description["genres"])), []
        if asked:
            terms.append(f"array_contains_all(genres, {json.dumps(asked, ensure_ascii=False)})")
        if years is not None:
            terms.append(f"year >= {years[0]} and year <= {years[1]}")
        text = " and ".join(terms)
        if not (count := self.count(text)):
            parts = [*genres, *([f"{years[0]}-{years[1]}"] if years is not None else [])]
            raise InputError(f"no poster of the index is {' and '.join(parts)}; ask for less")
        return Expression(text, count)

    def count(self, expression: str = "") -> int:
        """Return the number of posters that match an expression."""
        return int(self._query(expression, ["count(*)"])[0]["count(*)"])

    def search(
        self, queries: np.ndarray, k: int, rows: Expression | None = None, effort: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the k most similar rows for each of Q query vectors.

        Args:
            queries: (Q, E) vectors.
            k: Number of neighbours; Milvus returns at most 16,384.
            rows: Filter of the posters that may be returned; None: all.
            effort: Milvus's ``ef``; None: the value that was chosen at build time.

        Returns:
            (Q, k) inner products and (Q, k) row numbers, best first; -inf and -1 if fewer than k rows are found.
        """
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        found = np.full((len(queries), k), -1, dtype=np.int64)
        limit = min(k, MAX_RESULTS, len(self))
        ef = max(int(effort or self.description["effort"]), limit)
        if rows is not None:
            # A filtered graph search passes rows that the filter excludes: the fewer match, the higher ef must be.
            ef = min(MAX_RESULTS, ef * -(-len(self) // max(len(rows), 1)))
        for start in range(0, len(queries), QUERIES):
            asked = np.ascontiguousarray(queries[start : start + QUERIES], dtype=np.float32)
            with one_line_errors(self.uri):
                answers = self.client.search(
                    self.collection,
                    data=list(asked),
                    anns_field="vector",
                    limit=limit,
                    filter=rows.text if rows is not None else "",
                    output_fields=["row"],  # otherwise the embedded server returns all fields, vectors included
                    search_params={"metric_type": "IP", "params": {"ef": ef}},
                )
            for i, hits in enumerate(answers, start):
                near = np.array([hit["distance"] for hit in hits], dtype=np.float32)
                which = np.array([hit["row"] for hit in hits], dtype=np.int64)
                order = np.lexsort((which, -near))
                scores[i, : len(order)], found[i, : len(order)] = near[order], which[order]
        return scores, found

    def _query(self, expression: str, fields: list[str]) -> list[dict[str, Any]]:
        with one_line_errors(self.uri):
            return list(self.client.query(self.collection, filter=expression, output_fields=fields))

    def _get(self, rows: np.ndarray, fields: list[str]) -> list[dict[str, Any]]:
        """Return some rows' fields, in the order of ``rows``."""
        return [one for start in range(0, len(rows), ROWS) for one in self._part(rows[start : start + ROWS], fields)]

    def _part(self, rows: np.ndarray, fields: list[str]) -> Iterator[dict[str, Any]]:
        with one_line_errors(self.uri):
            found = self.client.get(self.collection, ids=np.unique(rows).tolist(), output_fields=["row", *fields])
        by_row = {int(one["row"]): one for one in found}
        if any(int(row) not in by_row for row in rows):
            raise InputError(
                f"{self.collection!r} is damaged (rows are missing)", parameter="uri", value=redact_uri(self.uri)
            )
        return (by_row[int(row)] for row in rows)


def as_record(row: dict[str, Any]) -> dict[str, Any]:
    """Convert a row of Milvus to one of :func:`keyart.retrieval.index.catalogue_table`."""
    known = {"year": row["year"] if row["year"] >= 0 else None, "split": row["split"] or None}
    return {name: row[name] for name in COLUMNS} | known | {"genres": "|".join(row["genres"])}


def _check_file(path: Path, again: str) -> None:
    """Check an embedded file against the checksums that it stores."""
    if not path.exists():
        raise InputError(f"{path}: there is no such file; {again}")
    former = path / f"{FORMER_NAME}.json"
    contents = former if former.is_file() and not (path / CONTENTS).is_file() else path / CONTENTS
    try:
        files = json.loads(contents.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        raise InputError(f"{path}: is not whole (no readable {CONTENTS}); {again}") from None
    if damage := verify_files(path, files):
        raise InputError(f"{path}: the index is damaged ({damage}); {again}")
