"""Co-watch evaluation: are films that the same users liked close together in an embedding?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.history import History
from keyart.errors import InputError
from keyart.metrics.chance import discounts
from keyart.metrics.exclusion import Exclusion
from keyart.metrics.neighbours import exact_neighbours
from keyart.utils.vectors import normalise_rows

MIN_USERS = 10
_TILE = 512


@dataclass(frozen=True, eq=False)
class CoWatch:
    """Co-watch relevance of F films, computed from the users who liked them; each film is a query for the others.

    The gain of two films is the cosine of their binary user columns: |A ∩ B| / √(|A| · |B|), where A and B are the sets
    of users who liked each film.

    Attributes:
        films: (F,) str, sorted.
        posters: (F,) int64 arrays: the positions of each film's posters in the catalogue.
        liked: (P, 2) int64 distinct pairs (film, user).
        users: Number of users.
        unknown_films: Number of films of the history that the catalogue lacks.
    """

    films: npt.NDArray[np.object_]
    posters: list[npt.NDArray[np.int64]]
    liked: npt.NDArray[np.int64]
    users: int
    unknown_films: int

    def __len__(self) -> int:
        return len(self.films)

    def within(self, positions: npt.ArrayLike) -> "CoWatch":
        """Return the same for the posters at ``positions`` of the catalogue only, and for the films that they show."""
        inside = np.asarray(positions, dtype=np.int64)
        posters = [own[np.isin(own, inside)] for own in self.posters]
        kept = np.array([len(own) > 0 for own in posters], dtype=np.bool_)
        place = np.cumsum(kept) - 1
        liked = self.liked[kept[self.liked[:, 0]]]
        liked = np.stack([place[liked[:, 0]], liked[:, 1]], axis=1)
        return CoWatch(self.films[kept], [p for p in posters if len(p)], liked, self.users, self.unknown_films)

    def of_films(self, vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Convert (N, D) vectors of posters to (F, D) vectors of films: the unit mean of the posters' unit vectors."""
        unit = normalise_rows(np.asarray(vectors))
        return normalise_rows(np.stack([unit[own].mean(0) for own in self.posters]))

    def ndcg(self, vectors: npt.ArrayLike, k: int = 10) -> npt.NDArray[np.float64]:
        """Compute nDCG@k of each film as a query for the others by cosine.

        The gain is linear, the ideal ranking is over all other films, and films in ascending order break ties.

        Args:
            vectors: (F, D), one per film.
            k: Cut-off.

        Returns:
            (F,) float64; NaN if no user liked both the film and another one.
        """
        tensor = torch.as_tensor(np.asarray(vectors))
        rows = np.arange(len(self))
        near = exact_neighbours(tensor, tensor, k, exclude=Exclusion(rows, rows)).positions
        weight = discounts(k)
        values = []
        for at, gains in self._gains():
            here = near[at]
            found = gains.gather(1, here.clamp(min=0)).masked_fill_(here < 0, 0.0)
            values.append((found * weight).sum(1) / self._ideal(gains, weight))
        return self._known(torch.cat(values))

    def chance(self, k: int = 10) -> npt.NDArray[np.float64]:
        """Return (F,) expectations of `ndcg` under a random ranking: every rank has the other films' mean gain."""
        weight, others = discounts(k), len(self) - 1
        total = weight[:others].sum() / max(others, 1)
        return self._known(torch.cat([gains.sum(1) * total / self._ideal(gains, weight) for _, gains in self._gains()]))

    @cached_property
    def _likes(self) -> Tensor:
        """(F, users) sparse float32 matrix of likes."""
        index = torch.from_numpy(self.liked.T.copy())
        ones, shape = torch.ones(len(self.liked)), (len(self), self.users)
        return torch.sparse_coo_tensor(index, ones, shape, check_invariants=True).coalesce()

    def _gains(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield tiles of T rows with their (T, F) float64 gains; the gain of a film with itself is 0."""
        films, users = torch.from_numpy(self.liked.T.copy())
        size = torch.bincount(films, minlength=len(self)).double()
        for start in range(0, len(self), _TILE):
            at = torch.arange(start, min(start + _TILE, len(self)))
            mine = (films >= start) & (films < start + len(at))
            dense = torch.zeros(self.users, len(at))
            dense[users[mine], films[mine] - start] = 1.0
            both = torch.sparse.mm(self._likes, dense).T.double()
            gains = both / (size[at, None] * size).sqrt().clamp(min=1.0)
            gains[torch.arange(len(at)), at] = 0.0
            yield at, gains

    @staticmethod
    def _ideal(gains: Tensor, weight: Tensor) -> Tensor:
        best = gains.topk(min(len(weight), gains.shape[1]), dim=1).values
        return (best * weight[: best.shape[1]]).sum(1)

    @staticmethod
    def _known(values: Tensor) -> npt.NDArray[np.float64]:
        return torch.where(values.isfinite(), values, torch.nan).numpy()


def co_watched(
    history: History, catalogue: Catalogue, *, min_users: int = MIN_USERS, at_least: float | None = None
) -> CoWatch:
    """Select the films of a catalogue that enough users liked.

    Args:
        history: Ratings or watch events of users.
        catalogue: The posters; films are matched by `History.match_films`.
        min_users: Minimum number of users who liked a film.
        at_least: Lowest rating that counts as liked; None: that of the history's scale.

    Raises:
        InputError: Enough users liked fewer than two films of the catalogue.
    """
    matched = history.match_films(catalogue)
    kept = history.liked(at_least) & (matched.film_index >= 0)
    threshold = at_least if history.scale is None or at_least is not None else history.scale.liked_from
    text = "" if threshold is None else f" (rated {threshold:g} or more)"
    users, names = np.unique(history.users[kept].astype(str), return_inverse=True)[::-1]
    liked = np.unique(np.stack([matched.film_index[kept], users], axis=1), axis=0)
    counts = np.bincount(liked[:, 0], minlength=len(matched.films))
    enough = np.flatnonzero(counts >= min_users)
    if len(enough) < 2:
        raise InputError(
            f"{history.source}: {len(enough)} films of {catalogue.source.name} are liked{text}"
            f" by {min_users} users or more (at most {counts.max(initial=0)} like one); co-watch needs two such films"
        )
    enough = enough[np.argsort(matched.films[enough].astype(str), kind="stable")]
    place = np.full(len(matched.films), -1)
    place[enough] = np.arange(len(enough))
    liked = liked[place[liked[:, 0]] >= 0]
    liked = np.stack([place[liked[:, 0]], liked[:, 1]], axis=1)
    film_of = {film: i for i, film in enumerate(matched.films[enough])}
    posters: list[list[int]] = [[] for _ in enough]
    for at, film in enumerate(catalogue.films):
        if film in film_of:
            posters[film_of[film]].append(at)
    owned = [np.array(own, dtype=np.int64) for own in posters]
    return CoWatch(matched.films[enough], owned, liked, len(names), matched.unknown_films)


def concatenate_unit(first: npt.ArrayLike, second: npt.ArrayLike, weight: float = 1.0) -> npt.NDArray[np.float32]:
    """Concatenate two embeddings, first ⊕ weight · second, after scaling each to unit length.

    Examples:
        >>> concatenate_unit([[2.0]], [[0.0, 3.0]], 0.5).tolist()
        [[1.0, 0.0, 0.5]]
    """
    return np.hstack([normalise_rows(np.asarray(first)), np.float32(weight) * normalise_rows(np.asarray(second))])
