"""What a search needs of an index, whichever engine holds the vectors."""

from collections.abc import Sequence, Sized
from typing import Any, Protocol

import numpy as np
import pandas as pd

Selection = Sized
"""Rows that may be found, as the index that made it knows them: row numbers, or an expression for a server."""


class Searchable(Protocol):
    """N posters with unit vectors: :class:`keyart.retrieval.index.PosterIndex` in process, or a Milvus collection."""

    @property
    def notes(self) -> dict[str, Any]:
        """What is said of the index: ``embedder`` (a digest), ``images`` (the posters' folder), ``recall@10``."""

    @property
    def posters(self) -> pd.DataFrame:
        """(N rows) all that is known of the posters; row i belongs to vector i."""

    @property
    def dimensions(self) -> int:
        """Width E of the vectors."""

    def __len__(self) -> int: ...

    def row_of(self, one: str) -> int | None:
        """The row of an id; None where there is no such id."""

    def facts(self, rows: np.ndarray) -> pd.DataFrame:
        """What is known of some posters, in the order asked for."""

    def vectors(self, rows: np.ndarray | None = None) -> np.ndarray:
        """(N, E) all vectors, or (R, E) those of some rows."""

    def selection(self, genres: Sequence[str] = (), years: tuple[int, int] | None = None) -> Selection | None:
        """The posters that have all of some genres and a year within a range; None where nothing is asked."""

    def search(self, queries: np.ndarray, k: int, rows: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """(Q, k) inner products and (Q, k) rows, best first; -inf and -1 where fewer are found."""

    def close(self) -> None:
        """Let go of what the index holds open."""
