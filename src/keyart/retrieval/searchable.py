"""Protocol of a searchable index, independent of the engine that holds the vectors."""

from collections.abc import Sequence, Sized
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd  # its import takes longer than a search

Selection = Sized
"""Posters that may be returned, in the form that the index uses: row numbers, or a filter expression for a server."""


class Searchable(Protocol):
    """Protocol of an index of N posters with unit vectors.

    Implementations: :class:`keyart.retrieval.index.PosterIndex` in process, and a Milvus collection.
    """

    @property
    def notes(self) -> dict[str, Any]:
        """Metadata of the index: ``embedder`` (a digest), ``images`` (the posters' folder), ``recall@10``."""

    @property
    def posters(self) -> "pd.DataFrame":
        """(N rows) metadata of all posters; row i belongs to vector i."""

    @property
    def table(self) -> pa.Table:
        """(N rows) the same as an Arrow table, which takes no import of pandas."""

    @property
    def dimensions(self) -> int:
        """Embedding size E."""

    def __len__(self) -> int: ...

    def row_of(self, one: str) -> int | None:
        """Return the row of an id; None if the index does not have it."""

    def metadata(self, rows: np.ndarray) -> list[dict[str, Any]]:
        """Return the metadata of some rows, in the order of ``rows``; None where a value is unknown."""

    def vectors(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return all (N, E) vectors, or the (R, E) vectors of some rows."""

    def selection(self, genres: Sequence[str] = (), years: tuple[int, int] | None = None) -> Selection | None:
        """Return the posters that have all required genres and a year within a range; None if there is no filter."""

    def search(self, queries: np.ndarray, k: int, rows: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Return (Q, k) inner products and (Q, k) rows, best first; -inf and -1 if fewer than k rows are found."""

    def close(self) -> None:
        """Release the resources that the index holds open."""


def take_records(table: pa.Table, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return rows of a table as dicts by column, None where a value is missing."""
    columns = dict(zip(table.column_names, table.columns, strict=True))
    return [{name: column[row].as_py() for name, column in columns.items()} for row in rows.tolist()]
