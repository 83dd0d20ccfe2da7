"""Candidate generation: search by each interest of a user, merge, exclude watched films, diversify."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.history import film_places
from keyart.recommend.interests import Interest, find_interests
from keyart.recommend.user_profile import SAMPLE, Space, Taste
from keyart.retrieval.diversity import diversify
from keyart.retrieval.searchable import Searchable
from keyart.utils.vectors import unit_rows

Ints = npt.NDArray[np.int64]
BALANCE = 0.8
POOL = 5
"""Number of candidates per requested film from which the diversified list is selected."""


class Films:
    """Mapping between the posters of an index and the films that they show.

    Args:
        posters: (N rows) the index's table.

    Attributes:
        names: (F,) the films, in the order of their first posters.
        codes: (N,) film of each poster, as a position in ``names``.
        first: (F,) first poster of each film.
        place: Position of a film, by its name or by a poster's id.
        ids: (N,) ids of the posters.
    """

    def __init__(self, posters: pd.DataFrame) -> None:
        codes, names = pd.factorize(posters["film"].astype(object))
        self.codes: Ints = np.asarray(codes, dtype=np.int64)
        self.names = np.asarray(names, dtype=object)
        self.first: Ints = np.unique(self.codes, return_index=True)[1].astype(np.int64)
        self._order = np.argsort(self.codes, kind="stable")
        self._start = np.searchsorted(self.codes[self._order], np.arange(len(names) + 1))
        self.ids = posters["id"].astype(str).to_numpy(dtype=object)
        self.place = self.places("film")

    def places(self, column: str) -> dict[str, int]:
        """Return the position of each film by the names in a history's column ``column``; see `film_places`."""
        return film_places(self.ids, self.codes.tolist(), self.names, column)

    def posters(self, film: int) -> Ints:
        """Return the rows of a film's posters."""
        return np.asarray(self._order[self._start[film] : self._start[film + 1]], dtype=np.int64)

    def vectors(self, index: Searchable, films: Ints) -> npt.NDArray[np.float32]:
        """Return (F, E) unit means of the vectors of each film's posters."""
        owned = [self.posters(int(film)) for film in films]
        rows = np.concatenate(owned) if owned else np.empty(0, dtype=np.int64)
        sums = np.zeros((len(films), index.dimensions), dtype=np.float32)
        np.add.at(sums, np.repeat(np.arange(len(films)), [len(own) for own in owned]), index.vectors(rows))
        return unit_rows(sums)


@dataclass(frozen=True, eq=False)
class Viewer:
    """Watch history of one user, as weighted films.

    Attributes:
        films: (H,) distinct watched films, as positions in `Films.names`.
        weights: (H,) weight of each film in the user's profile; positive.
    """

    films: Ints
    weights: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate films for one user, in the order in which they were selected for relevance and variety.

    Attributes:
        rows: (K,) posters of the index, one per film.
        scores: (K,) scores of `Space.scores`.
        because: (K,) the watched film that contributes most to the score, as a position in the user's ``films``.
        interest: (K,) the interest of that watched film.
        interests: The user's interests, the one with the highest weight first.
    """

    rows: Ints
    scores: npt.NDArray[np.float32]
    because: Ints
    interest: Ints
    interests: list[Interest]

    def __len__(self) -> int:
        return len(self.rows)


def index_space(index: Searchable) -> Space:
    """Fit the space of an index's posters: of all of them, or of 20,000 evenly spaced ones."""
    rows = np.unique(np.linspace(0, len(index) - 1, min(len(index), SAMPLE)).astype(np.int64))
    return Space.fit(index.vectors(rows))


def find_candidates(
    index: Searchable, films: Films, space: Space, viewers: Sequence[Viewer], k: int, *, balance: float = BALANCE
) -> list[Candidates]:
    """Return the k best films of an index for each user, without the films that the user has watched.

    The index is searched with the profile of each interest and with the whole profile. The results are merged and
    ranked by the score of the whole profile, which is the sum of the contributions of all interests. Each film counts
    once, with its best poster. All posters of watched films are excluded; the search continues until enough films are
    left. From the best 5k films, k are selected by maximal marginal relevance.

    Args:
        index: The index to search.
        films: The index's films.
        space: The index's space.
        viewers: B users.
        k: Number of films per user.
        balance: Weight of relevance against variety, see :func:`keyart.retrieval.diversity.diversify`; 1: relevance
            alone.

    Returns:
        B lists; they are shorter than k if the index holds no more unwatched films.

    Raises:
        ValueError: ``k`` is less than 1.
    """
    if k < 1:
        raise ValueError(f"k={k}: must be at least 1")
    if not viewers:
        return []
    watched = np.unique(np.concatenate([viewer.films for viewer in viewers]))
    table = films.vectors(index, watched)
    minds = _read_minds(viewers, [table[np.searchsorted(watched, viewer.films)] for viewer in viewers], space)
    pools: list[_Pool] = [_Pool.empty(index.dimensions)] * len(minds)
    waiting, depth = list(range(len(minds))), min(len(index), POOL * k + 50)
    while waiting:
        found = index.search(np.concatenate([minds[one].queries for one in waiting]), depth)[1]
        own = np.split(found, np.cumsum([len(minds[one].queries) for one in waiting])[:-1])
        every = np.unique(found[found >= 0])
        # Fetched once for all users: if the vectors are on a server, each request is slow.
        vectors = index.vectors(every)
        for one, rows in zip(waiting, own, strict=True):
            at = np.searchsorted(every, np.unique(rows[rows >= 0]))
            pools[one] = _unseen(films, space, minds[one], every[at], vectors, at, POOL * k)
        waiting = [one for one in waiting if len(pools[one].rows) < POOL * k and depth < len(index)]
        depth = min(len(index), 2 * depth)
    chosen = [pool.varied(space, k, balance) for pool in pools]
    lifted = space.lift(np.concatenate([pool.vectors for pool in chosen]))
    parts = np.split(lifted, np.cumsum([len(pool.rows) for pool in chosen])[:-1])
    return [_reasoned(space, mind, pool, own) for mind, pool, own in zip(minds, chosen, parts, strict=True)]


@dataclass(frozen=True, eq=False)
class _Pool:
    """Unwatched films, one poster each, best first.

    Attributes:
        rows: (R,) posters.
        scores: (R,) their scores by the whole profile.
        vectors: (R, E) their vectors.
    """

    rows: Ints
    scores: npt.NDArray[np.float32]
    vectors: npt.NDArray[np.float32]

    @classmethod
    def empty(cls, width: int) -> "_Pool":
        return cls(np.empty(0, np.int64), np.empty(0, np.float32), np.empty((0, width), np.float32))

    def varied(self, space: Space, k: int, balance: float) -> "_Pool":
        """Select k of these films that differ from each other."""
        if not len(self.rows):
            return self
        # Scale the scores so that the best candidate's relevance equals the cosine of two copies.
        relevance = self.scores / max(float(np.abs(self.scores).max()), 1e-12)
        order = diversify(relevance, unit_rows(self.vectors - space.mean), k, balance)
        return _Pool(self.rows[order], self.scores[order], self.vectors[order])


@dataclass(frozen=True, eq=False)
class _Mind:
    """User with interests and profile.

    Attributes:
        viewer: The user's watch history.
        vectors: (H, E) vectors of the watched films.
        interests: Clusters of the watched films.
        taste: Profile of all watched films.
        queries: (I, E) unit vectors to search with: the whole profile and, if there are several interests, the profile
            of each.
    """

    viewer: Viewer
    vectors: npt.NDArray[np.float32]
    interests: list[Interest]
    taste: Taste
    queries: npt.NDArray[np.float32]


def _read_minds(viewers: Sequence[Viewer], vectors: Sequence[npt.NDArray[np.float32]], space: Space) -> list[_Mind]:
    """Compute interests and profiles of users; one matrix product with the space's matrix serves all users."""
    interests = [
        find_interests(unit_rows(films - space.mean), viewer.weights)
        for viewer, films in zip(viewers, vectors, strict=True)
    ]
    pulls: list[npt.NDArray[np.float32]] = []
    for viewer, films, own in zip(viewers, vectors, interests, strict=True):
        members = [one.members for one in own] if len(own) > 1 else []
        pulls.append(np.stack([space.pull(films[at], viewer.weights[at]) for at in [np.arange(len(films)), *members]]))
    tastes = space.tastes(np.concatenate(pulls))
    minds, start = [], 0
    for viewer, films, own, some in zip(viewers, vectors, interests, pulls, strict=True):
        mine = tastes[start : start + len(some)]
        start += len(some)
        minds.append(_Mind(viewer, films, own, mine[0], unit_rows(np.stack([one.direction for one in mine]))))
    return minds


def _unseen(
    films: Films, space: Space, mind: _Mind, rows: Ints, vectors: npt.NDArray[np.float32], at: Ints, most: int
) -> _Pool:
    """Return the best unwatched films, one poster each; ``vectors[at]`` are the vectors of ``rows``."""
    new = ~np.isin(films.codes[rows], mind.viewer.films)
    rows, at = rows[new], at[new]
    if not len(rows):
        return _Pool.empty(vectors.shape[1])
    scores = space.scores(mind.taste, vectors[at])
    order = np.lexsort((rows, -scores))
    first = order[np.sort(np.unique(films.codes[rows[order]], return_index=True)[1])[:most]]
    return _Pool(rows[first], scores[first], vectors[at[first]])


def _reasoned(space: Space, mind: _Mind, pool: _Pool, lifted: npt.NDArray[np.float32]) -> Candidates:
    """Return the candidates with the watched film that contributes most to each."""
    because = np.asarray(space.parts(mind.vectors, mind.viewer.weights, lifted).argmax(axis=1), dtype=np.int64)
    owner = np.empty(len(mind.viewer.films), dtype=np.int64)
    for at, interest in enumerate(mind.interests):
        owner[interest.members] = at
    return Candidates(pool.rows, pool.scores, because, owner[because], mind.interests)
