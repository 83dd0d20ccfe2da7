"""Candidate generation: search by each interest of a user, merge, exclude watched films, diversify."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from keyart.catalogue.history import film_places
from keyart.recommend.interests import Interest, find_interests
from keyart.recommend.user_profile import SAMPLE, ProfileSpace, UserProfile
from keyart.retrieval.diversity import diversify
from keyart.retrieval.searchable import Searchable
from keyart.utils.vectors import normalise_rows

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
        return normalise_rows(sums)


@dataclass(frozen=True, eq=False)
class User:
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
        scores: (K,) scores of `ProfileSpace.scores`.
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


def index_space(index: Searchable) -> ProfileSpace:
    """Fit the space of an index's posters: of all of them, or of 20,000 evenly spaced ones."""
    rows = np.unique(np.linspace(0, len(index) - 1, min(len(index), SAMPLE)).astype(np.int64))
    return ProfileSpace.fit(index.vectors(rows))


def find_candidates(
    index: Searchable, films: Films, space: ProfileSpace, users: Sequence[User], k: int, *, balance: float = BALANCE
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
        users: B users.
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
    if not users:
        return []
    watched = np.unique(np.concatenate([user.films for user in users]))
    table = films.vectors(index, watched)
    minds = _read_minds(users, [table[np.searchsorted(watched, user.films)] for user in users], space)
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

    def varied(self, space: ProfileSpace, k: int, balance: float) -> "_Pool":
        """Select k of these films that differ from each other."""
        if not len(self.rows):
            return self
        # Scale the scores so that the best candidate's relevance equals the cosine of two copies.
        relevance = self.scores / max(float(np.abs(self.scores).max()), 1e-12)
        order = diversify(relevance, normalise_rows(self.vectors - space.mean), k, balance)
        return _Pool(self.rows[order], self.scores[order], self.vectors[order])


@dataclass(frozen=True, eq=False)
class _Mind:
    """User with interests and profile.

    Attributes:
        user: The user's watch history.
        vectors: (H, E) vectors of the watched films.
        interests: Clusters of the watched films.
        profile: Profile of all watched films.
        queries: (I, E) unit vectors to search with: the whole profile and, if there are several interests, the profile
            of each.
    """

    user: User
    vectors: npt.NDArray[np.float32]
    interests: list[Interest]
    profile: UserProfile
    queries: npt.NDArray[np.float32]


def _read_minds(users: Sequence[User], vectors: Sequence[npt.NDArray[np.float32]], space: ProfileSpace) -> list[_Mind]:
    """Compute interests and profiles of users; one matrix product with the space's matrix serves all users."""
    interests = [
        find_interests(normalise_rows(films - space.mean), user.weights)
        for user, films in zip(users, vectors, strict=True)
    ]
    pulls: list[npt.NDArray[np.float32]] = []
    for user, films, own in zip(users, vectors, interests, strict=True):
        members = [one.members for one in own] if len(own) > 1 else []
        pulls.append(np.stack([space.pull(films[at], user.weights[at]) for at in [np.arange(len(films)), *members]]))
    profiles = space.profiles(np.concatenate(pulls))
    minds, start = [], 0
    for user, films, own, some in zip(users, vectors, interests, pulls, strict=True):
        mine = profiles[start : start + len(some)]
        start += len(some)
        minds.append(_Mind(user, films, own, mine[0], normalise_rows(np.stack([one.direction for one in mine]))))
    return minds


def _unseen(
    films: Films, space: ProfileSpace, mind: _Mind, rows: Ints, vectors: npt.NDArray[np.float32], at: Ints, most: int
) -> _Pool:
    """Return the best unwatched films, one poster each; ``vectors[at]`` are the vectors of ``rows``."""
    new = ~np.isin(films.codes[rows], mind.user.films)
    rows, at = rows[new], at[new]
    if not len(rows):
        return _Pool.empty(vectors.shape[1])
    scores = space.scores(mind.profile, vectors[at])
    order = np.lexsort((rows, -scores))
    first = order[np.sort(np.unique(films.codes[rows[order]], return_index=True)[1])[:most]]
    return _Pool(rows[first], scores[first], vectors[at[first]])


def _reasoned(space: ProfileSpace, mind: _Mind, pool: _Pool, lifted: npt.NDArray[np.float32]) -> Candidates:
    """Return the candidates with the watched film that contributes most to each."""
    because = np.asarray(space.attributions(mind.vectors, mind.user.weights, lifted).argmax(axis=1), dtype=np.int64)
    owner = np.empty(len(mind.user.films), dtype=np.int64)
    for at, interest in enumerate(mind.interests):
        owner[interest.members] = at
    return Candidates(pool.rows, pool.scores, because, owner[because], mind.interests)
