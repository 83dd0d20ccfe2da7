"""Nearest neighbours of query posters within a split, and short descriptions of posters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from keyart.metrics.exclusion import Exclusion
from keyart.metrics.neighbours import exact_neighbours
from keyart.retrieval.random_pairs import RandomPairs, percent
from keyart.retrieval.titles import display_title
from keyart.utils.vectors import normalise_rows

if TYPE_CHECKING:
    from keyart.catalogue.catalogue import Catalogue

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Neighbour:
    """One neighbour of a query poster.

    Attributes:
        query: Position of the query poster.
        other: Position of the neighbour.
        cosine: Their similarity.
        share: Share of random pairs with a lower cosine, as text.
        mark: ``near-duplicate``, ``same film`` or empty.
    """

    query: int
    other: int
    cosine: float
    share: str
    mark: str


@dataclass(frozen=True, eq=False)
class NeighbourLists:
    """K query posters, each with its k nearest other posters.

    Attributes:
        queries: (K,) positions in the catalogue.
        neighbours: (K, k) positions in the catalogue, nearest first; never the query itself.
        cosines: (K, k) cosine similarities, float32.
        duplicate: (K, k) bool, whether the neighbour is in the query's near-duplicate group.
        same_film: (K, k) bool, whether the neighbour shows the query's film.
        closer_than: (K, k) share of random pairs of the searched posters with a lower cosine; NaN if unknown.
    """

    queries: Positions
    neighbours: Positions
    cosines: npt.NDArray[np.float32]
    duplicate: npt.NDArray[np.bool_]
    same_film: npt.NDArray[np.bool_]
    closer_than: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def shown(self) -> Positions:
        """Positions of all posters that occur, without repetition."""
        return np.unique(np.concatenate([self.queries, self.neighbours.ravel()]))

    def of(self, row: int) -> list[Neighbour]:
        """Return the neighbours of one query poster, nearest first."""
        marks = np.where(self.duplicate[row], "near-duplicate", np.where(self.same_film[row], "same film", ""))
        columns = self.neighbours[row], self.cosines[row], self.closer_than[row], marks
        return [
            Neighbour(int(self.queries[row]), int(other), float(cosine), percent(float(share)), str(mark))
            for other, cosine, share, mark in zip(*columns, strict=True)
        ]

    def shared_with(self, other: "NeighbourLists", row: int) -> int:
        """Return how many neighbours of one query poster another embedding finds too."""
        return len(np.intersect1d(self.neighbours[row], other.neighbours[row]))


def find_neighbours(
    embeddings: npt.ArrayLike,
    catalogue: "Catalogue",
    gallery: npt.ArrayLike,
    queries: npt.ArrayLike,
    *,
    k: int = 10,
    groups: npt.ArrayLike | None = None,
) -> NeighbourLists:
    """Find the exact cosine neighbours of ``queries`` in ``gallery``, excluding the query; ties are ordered by id.

    Args:
        embeddings: (N, E) embeddings of the catalogue's posters, normalised or not.
        catalogue: The N posters.
        gallery: (M,) positions of the searched posters.
        queries: (K,) positions of the query posters.
        k: Number of neighbours; fewer if the gallery has fewer posters.
        groups: (N,) near-duplicate groups; None if unknown.
    """
    at = np.asarray(gallery, dtype=np.int64)
    asked = np.asarray(queries, dtype=np.int64)
    matrix = np.asarray(embeddings)
    unit = normalise_rows(matrix[at])
    k = min(k, len(at) - (1 if np.isin(asked, at).any() else 0))
    at = at[np.argsort(catalogue.ids[at].astype(str), kind="stable")]
    neighbours, cosines = np.empty((len(asked), 0), dtype=np.int64), np.empty((len(asked), 0), dtype=np.float32)
    if k > 0:
        rows, others = torch.from_numpy(matrix[asked]), torch.from_numpy(matrix[at])
        found = exact_neighbours(rows, others, k, exclude=Exclusion(asked, at))
        neighbours, cosines = at[found.positions.numpy()], found.similarity.numpy().astype(np.float32)
    group = np.arange(len(catalogue)) if groups is None else np.asarray(groups)
    films = catalogue.films
    return NeighbourLists(
        asked,
        neighbours,
        cosines,
        group[neighbours] == group[asked][:, None],
        (films[neighbours] == films[asked][:, None]).astype(bool),
        RandomPairs.of(unit).closer_than(cosines),
    )


def shared_genres(catalogue: "Catalogue", query: int, other: int) -> list[tuple[str, bool]]:
    """Return the genres of poster ``other``, each with whether ``query`` has it too; shared genres first."""
    has, asked = catalogue.genres[other], catalogue.genres[query]
    names = [(name, bool(asked[g])) for g, name in enumerate(catalogue.genre_names) if has[g]]
    return sorted(names, key=lambda item: not item[1])


def genre_overlap(catalogue: "Catalogue", query: int, other: int) -> float | None:
    """Return the Jaccard overlap of the genre sets of two posters; None if the genres of one are unknown."""
    a, b = catalogue.genres[query], catalogue.genres[other]
    return int((a & b).sum()) / int((a | b).sum()) if a.any() and b.any() else None


def poster_name(catalogue: "Catalogue", position: int) -> str:
    """Return the title of a poster, or its id if it has no title."""
    return display_title(str(catalogue.titles[position])) or str(catalogue.ids[position])


def year_text(catalogue: "Catalogue", position: int) -> str:
    """Return the year of a poster as text; empty if unknown."""
    year = float(catalogue.years[position])
    return "" if np.isnan(year) else f"{year:.0f}"


def describe(catalogue: "Catalogue", position: int) -> str:
    """Describe a poster by title, year and genres in one line, as alternative text."""
    parts: Sequence[str] = (
        poster_name(catalogue, position),
        year_text(catalogue, position),
        catalogue.genre_text(position),
    )
    return ", ".join(part for part in parts if part)
