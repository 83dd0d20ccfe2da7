"""The runs that the server shows: their indexes, the facets of their posters, and their images."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keyart.errors import InputError
from keyart.retrieval.filters import find_genres
from keyart.retrieval.searchable import Searchable
from keyart.retrieval.titles import TitleTable
from keyart.runs.run import Run
from keyart.runs.search import find_row, images_folder, poster_metadata, titles_of
from keyart.web.background import Background, Computing, Report
from keyart.web.frozen import frozen_features
from keyart.web.orders import Order, sort_posters

if TYPE_CHECKING:
    from keyart.catalogue.history import History
    from keyart.recommend.candidates import Films
    from keyart.runs.explain import PosterTable
    from keyart.runs.recommend import Users

log = logging.getLogger(__name__)
Rows = npt.NDArray[np.int64]
SUGGESTED = 12
"""Maximum number of titles that are suggested while someone types."""
PATIENCE = 1.0
"""Seconds that a request waits for titles or an order before it is answered 202; they suffice for ten thousand."""


@dataclass(eq=False)
class Shown:
    """One run with its index.

    Attributes:
        run: The run.
        index: The index that is searched.
        images: Folder of its posters; None: the one that the index names.
        history: Events of users, if a history is known.
        own: Whether the index is the run's own.
    """

    run: Run
    index: Searchable
    images: Path | None = None
    history: "History | None" = None
    own: bool = True
    _orders: dict[str, Background[Order]] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """The run's configured name."""
        return str(self.run.config.get("name", self.run.folder.name))

    @cached_property
    def root(self) -> Path:
        """The posters' folder, resolved."""
        return images_folder(self.run, self.index, self.images).resolve()

    @cached_property
    def explained(self) -> "tuple[PosterTable, PosterTable]":
        """The posters that can be explained, and those whose mean is the average poster: the run's own if known."""
        from keyart.runs.explain import PosterTable, typical_poster_table

        table = PosterTable(self.index.posters, self.root, self.index.vectors)
        if self.own:
            return table, table
        typical, note = typical_poster_table(self.run, table)
        if note:
            log.warning(note)
        return table, typical

    def image(self, row: int) -> Path:
        """Return the image file of a row.

        Raises:
            InputError: The row does not exist, or its file is missing or outside the posters' folder.
        """
        return self._inside(str(self.index.metadata(np.array([self.check_row(row)]))[0]["img"]))

    def _inside(self, name: str) -> Path:
        # A null byte is no name on any system; Python raises on some versions and not on others.
        path = (self.root / name).resolve() if "\x00" not in name else self.root
        if not path.is_relative_to(self.root) or not path.is_file():
            raise InputError(f"{name}: there is no such poster in the images folder; name the folder with --images")
        return path

    @cached_property
    def frozen(self) -> Background[npt.NDArray[np.float32]]:
        """(N, D) unit features of the posters by the run's frozen backbone."""

        def compute(report: Report) -> npt.NDArray[np.float32]:
            return frozen_features(self.run, [self._inside(str(name)) for name in self.index.posters["img"]], report)

        return Background(compute)

    def check_row(self, row: int) -> int:
        """Return a row number that exists."""
        if not 0 <= row < len(self.index):
            raise InputError(f"row {row}: there is no such poster; rows go from 0 to {len(self.index) - 1}")
        return row

    def metadata(self, rows: Sequence[int] | Rows) -> list[dict[str, Any]]:
        """Return posters for JSON, each with its row and the title in reading order."""
        found = poster_metadata(self.index, np.asarray(rows, dtype=np.int64))
        return [with_row(self.index, one, int(row)) for one, row in zip(found, rows, strict=True)]

    @cached_property
    def years(self) -> npt.NDArray[np.float64]:
        """(N,) years, NaN where unknown."""
        column = self.index.posters["year"].astype("Float64")
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)

    @cached_property
    def genres(self) -> tuple[list[str], npt.NDArray[np.bool_]]:
        """Names of G genres, the most frequent first, and (N, G) which poster has which."""
        codes, texts = self.index.posters["genres"].astype(str).factorize()
        sets = [frozenset(filter(None, text.split("|"))) for text in texts]
        names = sorted(frozenset().union(*sets)) if sets else []
        matrix = np.array([[name in own for name in names] for own in sets], dtype=bool).reshape(len(sets), len(names))
        matrix = matrix[codes]
        order = np.argsort(-matrix.sum(0), kind="stable")
        return [names[at] for at in order], matrix[:, order]

    def allowed(self, genres: Sequence[str], years: tuple[int, int] | None) -> npt.NDArray[np.bool_]:
        """Return (N,) which posters have all the genres and a year in the range."""
        names, matrix = self.genres
        kept = np.ones(len(self.index), dtype=bool)
        for name in find_genres(genres, names):
            kept &= matrix[:, names.index(name)]
        if years is not None:
            kept &= (self.years >= years[0]) & (self.years <= years[1])
        return kept

    def facets(self, genres: Sequence[str], years: tuple[int, int] | None) -> dict[str, Any]:
        """Count the posters that each genre and decade would leave under the other filters."""
        names, matrix = self.genres
        kept, of_genres = self.allowed(genres, years), self.allowed(genres, None)
        decades = self.years[of_genres] // 10 * 10
        found, counts = np.unique(decades[~np.isnan(decades)], return_counts=True)
        return {
            "posters": len(self.index),
            "shown": int(kept.sum()),
            "genres": [
                {"name": name, "posters": int(count)} for name, count in zip(names, matrix[kept].sum(0), strict=True)
            ],
            "decades": [
                {"decade": int(decade), "posters": int(count)} for decade, count in zip(found, counts, strict=True)
            ],
        }

    def order(self, by: str) -> Order:
        """Return all posters in an order, which is computed once; see `keyart.web.orders.sort_posters`.

        Raises:
            Computing: It is not ready.
        """
        return self._orders.setdefault(by, Background(lambda _: sort_posters(self, by), PATIENCE)).get()

    @cached_property
    def first_genre(self) -> Rows:
        """(N,) the rarest genre of each poster, which says most of it; G where there is none."""
        names, matrix = self.genres
        rarest = np.where(matrix, np.arange(len(names), dtype=np.int32), -1).max(axis=1, initial=-1).astype(np.int64)
        return np.where(rarest < 0, len(names), rarest)

    @cached_property
    def places(self) -> Background[npt.NDArray[np.uint16]]:
        """(N, 2) places of the posters on the map."""

        def compute(report: Report) -> npt.NDArray[np.uint16]:
            from keyart.retrieval.index_map import project_index

            return project_index(self.index, report)

        return Background(compute)

    @cached_property
    def titles(self) -> Background[TitleTable]:
        """The table in which titles are looked up."""

        def compute(report: Report) -> TitleTable:
            found = titles_of(self.index, report)
            found.prepare()
            return found

        return Background(compute, PATIENCE)

    def find_row(self, text: str) -> int:
        """Return the row of an id or a title.

        Raises:
            Computing: It is no id, and the table of titles is not ready.
            InputError: No poster matches, or several films do.
        """
        row = self.index.row_of(text)
        if row is None:
            self.titles.get()
            row = find_row(self.index, text)
        return row

    @cached_property
    def films(self) -> "Films":
        """The films of the index."""
        from keyart.recommend.candidates import Films

        return Films(self.index.posters)

    @cached_property
    def all_users(self) -> "Users":
        """The users of the history."""
        if self.history is None:
            raise InputError("users: no history is known; start keyart serve with --history")
        from keyart.runs.recommend import read_users

        return read_users(self.history, self.films)

    def suggest(self, text: str) -> list[dict[str, Any]]:
        """Return the posters whose id or title a text may mean, the most likely first; typing errors are tolerated.

        Raises:
            Computing: It is no id, and the table of titles is not ready.
        """
        own = self.index.row_of(text)
        rows = [] if own is None else [own]
        try:
            rows += [row for row in self.titles.get().find(text).rows if row != own]
        except Computing:
            if own is None:
                raise
        return self.metadata(rows[:SUGGESTED])

    def summary(self) -> dict[str, Any]:
        """Return what the page needs to know of the run at once."""
        known = self.years[~np.isnan(self.years)]
        names, matrix = self.genres
        return {
            "name": self.name,
            "folder": str(self.run.folder),
            "posters": len(self.index),
            "dimensions": self.index.dimensions,
            "image_size": list(self.run.image_size),
            "genres": [{"name": name, "posters": int(count)} for name, count in zip(names, matrix.sum(0), strict=True)],
            "years": [int(known.min()), int(known.max())] if len(known) else None,
            "users": self.history is not None,
        }


def with_row(index: Searchable, facts: dict[str, Any], row: int | None = None) -> dict[str, Any]:
    """Add ``row`` to a poster's facts, by which the page asks for its image."""
    return {**facts, "row": index.row_of(facts["id"]) if row is None else row}


@dataclass(frozen=True, eq=False)
class Library:
    """All runs that the server shows, the first being the default one."""

    runs: Sequence[Shown]

    def __getitem__(self, number: int) -> Shown:
        """Return a run by its number.

        Raises:
            InputError: There is no such run.
        """
        if not 0 <= number < len(self.runs):
            raise InputError(f"run {number}: there is no such run; runs go from 0 to {len(self.runs) - 1}")
        return self.runs[number]
