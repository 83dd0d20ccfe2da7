"""In-process index of a catalogue: unit vectors to search, with the ids and metadata of the posters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from keyart.errors import InputError
from keyart.retrieval.engines.base import RowEngine
from keyart.retrieval.engines.flat import FlatEngine
from keyart.retrieval.engines.registry import find_engine
from keyart.retrieval.faiss_files import write_faiss
from keyart.retrieval.filters import matching_rows
from keyart.retrieval.searchable import take_records
from keyart.retrieval.unit_vectors import check_unit_vectors
from keyart.utils.checksums import describe_files, embedder_digest, verify_files
from keyart.utils.files import replacing_folder, write_json
from keyart.utils.reading import read_json

if TYPE_CHECKING:
    import pandas as pd

    from keyart.catalogue.catalogue import Catalogue

VERSION = 1
TITLE_BYTES = 65_535
"""Maximum length of a title in bytes: Milvus's limit."""
MAX_EXACT_FILTERED_ROWS = 100_000
"""Largest number of allowed rows for which a filtered search scores every row.

That is exact, and faster than a graph most of whose rows are filtered out.
"""
AGAIN = "build it again with keyart index"


def catalogue_table(catalogue: "Catalogue", splits: np.ndarray | None = None) -> "pd.DataFrame":
    """Return the posters' metadata, one row each: id, film, img, title, year, genres (separated by ``|``), split."""
    import pandas as pd

    genres = ["|".join(np.array(catalogue.genre_names)[row]) for row in catalogue.genres]
    return pd.DataFrame(
        {
            "id": catalogue.ids,
            "film": catalogue.films,
            "img": catalogue.files,
            "title": catalogue.titles,
            "year": pd.array(catalogue.years, dtype="Float64").astype("Int64"),
            "genres": genres,
            "split": splits if splits is not None else pd.array([None] * len(genres), dtype="string"),
        }
    )


def shorten_titles(posters: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """Truncate titles that are too long for some engine, so that all engines return the same titles.

    Args:
        posters: An index's table.

    Returns:
        The table, and a message about truncated titles; the message is empty if there are none.
    """
    sizes = posters["title"].map(lambda title: len(title.encode()) if isinstance(title, str) else 0)
    long = (sizes > TITLE_BYTES).to_numpy(dtype=bool)
    if not long.any():
        return posters, ""
    # Drop a character that the limit would split.
    cut = [str(title).encode()[:TITLE_BYTES].decode(errors="ignore") for title in posters["title"][long]]
    titles = posters["title"].copy()
    titles[long] = cut
    first = posters["id"][long].iloc[0]
    remark = f"{len(cut):,} titles are longer than {TITLE_BYTES:,} bytes and are cut, that of {first} first"
    return posters.assign(title=titles), remark


@dataclass(frozen=True, eq=False)
class PosterIndex:
    """Inner-product index over unit vectors, exact or with an approximate engine whose results are scored exactly.

    Args:
        index: ``faiss.IndexFlatIP`` with the N vectors; row i is row i of the table.
        content: (N rows) the catalogue's table, as :func:`catalogue_table` returns it, or as Arrow reads it.
        engine: Engine that finds rows; None: every row is scored.
        notes: Further entries of ``index.json``: ``embedder`` (digest of the embedder that computed the vectors),
            ``images`` (the folder of the posters), ``recall@10`` (measured).
    """

    index: Any
    content: "pd.DataFrame | pa.Table"
    engine: RowEngine | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def build(cls, embeddings: np.ndarray, catalogue: "Catalogue", splits: np.ndarray | None = None) -> "PosterIndex":
        """Build an exact index of the (N, E) unit vectors of a catalogue's N posters.

        The lengths of the vectors are not checked.
        """
        images = {"images": str(catalogue.root.resolve())}
        return cls.of(embeddings, catalogue_table(catalogue, splits), images, lengths=False)

    @classmethod
    def of(
        cls, embeddings: np.ndarray, posters: "pd.DataFrame", notes: dict[str, Any] | None = None, **check: Any
    ) -> "PosterIndex":
        """Build an exact index of the (N, E) unit vectors of a table's N rows.

        Args:
            embeddings: (N, E) unit vectors.
            posters: (N rows), as :func:`catalogue_table` returns them.
            notes: See :class:`PosterIndex`.
            check: ``place`` and ``lengths`` of :func:`keyart.retrieval.unit_vectors.check_unit_vectors`.

        Raises:
            InputError: A vector or an id is invalid.
        """
        vectors = np.ascontiguousarray(embeddings, dtype=np.float32)
        check_unit_vectors(vectors, posters["id"], **check)
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return cls(index, posters, None, dict(notes or {}))

    def __len__(self) -> int:
        return len(self.content)

    @cached_property
    def posters(self) -> "pd.DataFrame":
        """(N rows) the catalogue's table."""
        return self.content.to_pandas() if isinstance(self.content, pa.Table) else self.content

    @cached_property
    def table(self) -> pa.Table:
        """(N rows) the catalogue's table; see `Searchable`."""
        if isinstance(self.content, pa.Table):
            return self.content
        return pa.Table.from_pandas(self.content, preserve_index=False)

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row number of each id."""
        return {str(one): row for row, one in enumerate(self.table["id"].to_pylist())}

    @cached_property
    def searcher(self) -> RowEngine:
        """The engine that finds rows."""
        return self.engine or FlatEngine(self.index)

    @property
    def dimensions(self) -> int:
        """Embedding size E."""
        return int(self.index.d)

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if the index does not have it."""
        return self.rows.get(one)

    def metadata(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return the metadata of some rows, in the order of ``rows``; None where a value is unknown."""
        return take_records(self.table, rows)

    def selection(self, genres: Sequence[str] = (), years: tuple[int, int] | None = None) -> np.ndarray | None:
        """Return the rows that have all required genres and a year within a range; None if there is no filter."""
        return matching_rows(self.posters, genres, years) if genres or years is not None else None

    def vectors(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return all (N, E) vectors, or the (R, E) vectors of some rows."""
        if rows is None:
            whole = np.empty((self.index.ntotal, self.index.d), dtype=np.float32)
            return np.asarray(self.index.reconstruct_n(0, len(whole), whole))
        return np.asarray(self.index.reconstruct_batch(np.ascontiguousarray(rows, dtype=np.int64)))

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the k most similar rows for each of Q query vectors.

        Args:
            queries: (Q, E) unit vectors.
            k: Number of neighbours.
            rows: Rows that may be returned; None: all.

        Returns:
            (Q, k) cosine similarities and (Q, k) row numbers, best first; -inf and -1 if fewer than k rows are found.
        """
        asked = np.ascontiguousarray(queries, dtype=np.float32)
        if rows is not None and len(rows) <= MAX_EXACT_FILTERED_ROWS:
            return self._score_all(asked, k, rows)
        try:
            scores, found = self.searcher.search(asked, k, rows)
        except RuntimeError as error:
            reason = f"the index's engine {self.searcher.name} fails ({_first_line(error)})"
            raise InputError(f"{reason}; {AGAIN}") from None
        scores[found < 0] = -np.inf
        return scores, found

    def _score_all(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best of a few rows by exact scores; the smaller row number wins a tie."""
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        found = np.full((len(queries), k), -1, dtype=np.int64)
        vectors = self.vectors(rows) if len(rows) else np.empty((0, self.index.d), np.float32)
        for i, query in enumerate(queries):
            near = vectors @ query
            order = np.lexsort((rows, -near))[:k]
            scores[i, : len(order)], found[i, : len(order)] = near[order], rows[order]
        return scores, found

    def close(self) -> None:
        """Do nothing: memory-mapped files are closed with the last reference to the index."""

    def save(self, folder: Path) -> None:
        """Write the index into a folder at once: a reader sees the old index or the new one.

        ``index.json`` holds sizes and checksums.
        """
        metadata: dict[str, Any] = {"version": VERSION, "engine": self.searcher.name}
        metadata |= {"posters": len(self), "dimensions": self.index.d}
        if parameters := self.searcher.describe():
            metadata["parameters"] = parameters
        # The index may be memory-mapped from this very folder.
        with replacing_folder(folder, [*_files_of(folder), "vectors.faiss", "posters.parquet", "index.json"]) as draft:
            write_faiss(self.index, draft / "vectors.faiss")
            self.posters.to_parquet(draft / "posters.parquet", index=False)
            names = ["vectors.faiss", "posters.parquet", *self.searcher.write(draft)]
            write_json(draft / "index.json", metadata | self.notes | {"files": describe_files(draft, names)})

    @classmethod
    def load(cls, folder: Path, embedder: Path | None = None) -> "PosterIndex":
        """Open an index; its vectors are memory-mapped, not read.

        Args:
            folder: The folder that :meth:`save` wrote.
            embedder: The folder of the embedder whose vectors the index must hold; None: not checked.

        Raises:
            InputError: The folder holds no complete index, or its vectors are from another embedder.
        """
        metadata = read_description(folder)
        try:
            if damage := verify_files(folder, metadata.get("files", {})):
                raise InputError(f"{folder}: the index is damaged ({damage}); {AGAIN}")
            index = faiss.read_index(str(folder / "vectors.faiss"), faiss.IO_FLAG_MMAP_IFC)
            posters = pq.ParquetFile(folder / "posters.parquet").read()
            posters.validate(full=True)  # texts are decoded later
            _check_columns(posters)
            engine = _read_engine(folder, metadata, index)
        except InputError:
            raise
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{folder}: the index cannot be read ({_first_line(error)}); {AGAIN}") from None
        if not len(posters) == index.ntotal == metadata.get("posters"):
            sizes = f"{index.ntotal} vectors, {len(posters)} posters"
            raise InputError(f"{folder}: the index is damaged ({sizes}); {AGAIN}")
        if embedder is not None:
            _check_embedder(folder, metadata, embedder)
        found = {"version", "engine", "posters", "dimensions", "parameters", "files"}
        return cls(index, posters, engine, {key: value for key, value in metadata.items() if key not in found})


def _files_of(folder: Path) -> list[str]:
    """Return the names of an index's files, as far as they are known."""
    try:
        return [*json.loads((folder / "index.json").read_text(encoding="utf-8"))["files"], "engine.faiss"]
    except (OSError, ValueError, KeyError, TypeError):
        return ["engine.faiss"]


def read_description(folder: Path) -> dict[str, Any]:
    """Read ``index.json``, which every index's folder has, whatever its engine.

    Raises:
        InputError: There is no index, or one of another version or of an unknown engine.
    """
    if not (folder / "index.json").is_file():
        raise InputError(f"{folder}: there is no index (no index.json); {AGAIN}, or name another folder")
    metadata = read_json(folder / "index.json", {"version": object, "engine": str}, fix=AGAIN)
    version, engine = metadata["version"], metadata["engine"]
    if version != VERSION:
        raise InputError(f"{folder}: an index of version {version}, not {VERSION}; {AGAIN}")
    try:
        find_engine(engine)
    except InputError as error:
        raise InputError(f"{folder}: {error}, or {AGAIN}") from None
    return metadata


def _check_columns(table: pa.Table) -> None:
    for name in ("id", "film", "img", "title", "year", "genres", "split"):
        kind = table.schema.field(name).type
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (number if name == "year" else text) and not pa.types.is_null(kind):
            raise ValueError(f"posters.parquet: column {name} is of type {kind}")


def _read_engine(folder: Path, metadata: Mapping[str, Any], flat: Any) -> RowEngine:
    engine = find_engine(metadata["engine"])
    if not issubclass(engine, RowEngine):
        raise ValueError(f"{engine.name} keeps no vectors in the folder")
    found = metadata.get("parameters", {})
    parameters = {name: parameter.read(found[name]) for name, parameter in engine.parameters.items()}
    return engine.read(folder, parameters, flat)


def _check_embedder(folder: Path, metadata: dict[str, Any], embedder: Path) -> None:
    """Check that an index holds the vectors of an embedder.

    An index that training wrote does not name its embedder: it belongs to the embedder in the same run folder.
    """
    beside = folder.resolve().parent / "embedder"
    known = metadata.get("embedder")
    if known is None and beside == embedder.resolve():
        return
    if known is None and beside.is_dir():
        known = embedder_digest(beside)
    if known != embedder_digest(embedder):
        raise InputError(
            f"{folder}: the index holds another embedder's vectors than {embedder.parent}'s;"
            " name that run, or build the index again with keyart index"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
