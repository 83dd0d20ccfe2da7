"""Catalogue of posters: all rows of a table, stored by column."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.problems import Problem, RowCounts
from keyart.utils.paths import FORMER_NAME


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Posters of a table, N with G genres; row ``i`` of every array belongs to the same poster.

    Attributes:
        source: The table's file.
        root: The folder of images.
        ids: (N,) strings, unique.
        files: (N,) strings, paths below ``root`` with ``/`` between folders.
        films: (N,) strings; posters with the same value show the same film. Default: the IMDb id, else the id.
        genres: (N, G) bool, multi-hot.
        genre_names: The G names, sorted.
        titles: (N,) strings, ``""`` where unknown.
        years: (N,) float64, NaN where unknown.
        split: (N,) strings ``train``, ``val`` or ``test`` if the table has such a column, else ``None``.
        extra: All other columns of the table, N rows.
        rows: (N,) int64 line numbers in the table, as in ``Problem.row``; ``None`` if there is no table.
        account: Counts of the table's usable and faulty rows; ``None`` for a selection, or without a table.
        remarks: Assumptions made when the table was read, and unusual columns.

    Raises:
        ValueError: Lengths disagree, ``genres`` has a wrong shape or dtype, ids repeat, or genre names are not sorted
            and unique.
    """

    source: Path
    root: Path
    ids: npt.NDArray[np.object_]
    files: npt.NDArray[np.object_]
    films: npt.NDArray[np.object_]
    genres: npt.NDArray[np.bool_]
    genre_names: tuple[str, ...]
    titles: npt.NDArray[np.object_]
    years: npt.NDArray[np.float64]
    split: npt.NDArray[np.object_] | None
    extra: pd.DataFrame
    rows: npt.NDArray[np.int64] | None = None
    account: RowCounts | None = None
    remarks: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.ids)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (np.ndarray, pd.DataFrame)) and len(value) != count:
                raise ValueError(f"Catalogue.{field.name} has {len(value)} rows, ids has {count}")
        if self.genres.shape != (count, len(self.genre_names)) or self.genres.dtype != np.bool_:
            shape = (count, len(self.genre_names))
            raise ValueError(f"Catalogue.genres is {self.genres.dtype} {self.genres.shape}, not bool {shape}")
        if list(self.genre_names) != sorted(set(self.genre_names)):
            raise ValueError("Catalogue.genre_names must be sorted and unique")
        if len(set(self.ids)) != count:
            raise ValueError("Catalogue.ids must be unique")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def paths(self) -> list[Path]:
        """Full paths of the N image files."""
        return [self.root / file for file in self.files]

    def genre_text(self, position: int) -> str:
        """Return the genres of one poster as readable text, such as ``"Comedy, Drama"``."""
        return ", ".join(name for name, has in zip(self.genre_names, self.genres[position], strict=True) if has)

    def select(self, positions: npt.ArrayLike | Sequence[int]) -> "Catalogue":
        """Return the posters at ``positions`` (integers, or an (N,) bool mask), in order, with the same genre names."""
        at = np.asarray(positions)
        at = at.astype(np.int64) if at.size == 0 and at.dtype != np.bool_ else at
        chosen: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value[at]
            elif isinstance(value, pd.DataFrame):
                value = value.iloc[at].reset_index(drop=True)
            chosen[field.name] = value
        return Catalogue(**chosen | {"account": None})

    def fingerprint(self) -> str:
        """Return a SHA-256 hash (64 hexadecimal digits) of ids, genres, films and files, in the table's order.

        Pixels, titles, years, the folder and the table's format do not count: the same posters, read from another
        supported table, have the same fingerprint.
        """
        digest = hashlib.sha256(f"{FORMER_NAME} catalogue 1".encode())
        for column in (self.genre_names, self.ids, self.films, self.files):
            digest.update(f"\0{len(column)}\0".encode())
            for value in column:
                data = str(value).encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "little") + data)
        digest.update(np.packbits(self.genres, axis=1).tobytes())
        return digest.hexdigest()
