"""Watch events as arrays, and two hold-out protocols: by time, and by cold films."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.history import History
from keyart.errors import InputError
from keyart.recommend.interests import event_weights

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FOLDS = 5
LAST = 0.2
"""Share of the events that is held out by time."""


@dataclass(frozen=True, eq=False)
class Events:
    """Watch events as arrays: each pair of user and film once, with the first of its events.

    Attributes:
        user: (E,) positions in ``users``.
        film: (E,) positions among the catalogue's F films.
        liked: (E,) whether the user liked the film, see `History.liked`; without ratings, whether the user watched it.
        rating: (E,) ratings on a scale of five stars, or None.
        time: (E,) seconds, or None.
        users: (U,) names.
        films: Number of films F.
    """

    user: Ints
    film: Ints
    liked: Bools
    rating: npt.NDArray[np.float64] | None
    time: npt.NDArray[np.float64] | None
    users: npt.NDArray[np.object_]
    films: int

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(cls, history: History, catalogue: Catalogue) -> tuple["Events", int]:
        """Return the events of a catalogue's films, and the number of films of the history that the catalogue lacks.

        Raises:
            InputError: The catalogue has none of the history's films, or only some events have a timestamp.
        """
        matched = history.match_films(catalogue)
        frame = pd.DataFrame({"user": history.users.astype(str), "film": matched.film_index, "liked": history.liked()})
        frame["rating"] = np.nan if history.stars is None else history.stars
        frame["time"] = np.nan if history.timestamps is None else history.timestamps
        frame = frame[frame["film"] >= 0].sort_values("time", kind="stable", na_position="first")
        # A film that is watched again is not new: it counts at the time of its first event.
        frame = frame.drop_duplicates(["user", "film"], keep="first").sort_values(["user", "film"], kind="stable")
        codes, users = pd.factorize(frame["user"].astype(object))
        times = None if history.timestamps is None else frame["time"].to_numpy(dtype=np.float64)
        if times is not None and np.isnan(times).any():
            raise InputError(
                f"{history.source}: {int(np.isnan(times).sum())} events have no timestamp; give all of them one, or"
                " leave the column out (then films are not evaluated by time)"
            )
        ratings = None if history.ratings is None else frame["rating"].to_numpy(dtype=np.float64)
        events = cls(
            np.asarray(codes, dtype=np.int64),
            frame["film"].to_numpy(dtype=np.int64),
            frame["liked"].to_numpy(dtype=np.bool_),
            ratings,
            times,
            np.asarray(users, dtype=object),
            len(matched.films),
        )
        return events, matched.unknown_films

    def select(self, which: Bools) -> "Events":
        """Return some of the events, with the same users and films."""
        rating = None if self.rating is None else self.rating[which]
        time = None if self.time is None else self.time[which]
        return Events(self.user[which], self.film[which], self.liked[which], rating, time, self.users, self.films)

    def matrix(self, values: npt.NDArray[np.floating]) -> csr_matrix:
        """Return a (U, F) sparse float32 matrix with one value per event."""
        shape = (len(self.users), self.films)
        return csr_matrix((values.astype(np.float32), (self.user, self.film)), shape=shape)

    def profiles(self) -> csr_matrix:
        """Return (U, F) weights of watched films in each user's profile, see :func:`event_weights`; rows sum to 1."""
        weights = np.empty(len(self))
        order = np.argsort(self.user, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(self.user[order])) + 1):
            if len(own):
                ratings = None if self.rating is None else self.rating[own]
                weights[own] = event_weights(ratings, None if self.time is None else self.time[own], len(own))
        return self.matrix(weights)


@dataclass(frozen=True, eq=False)
class Task:
    """Evaluation task: known events, held-out targets and the films to rank.

    Attributes:
        known: Events that models may use.
        targets: (U, F) bool, the held-out liked films.
        gallery: (F,) bool, the films to rank; films that a user is known to have watched are excluded for that user.
    """

    known: Events
    targets: csr_matrix
    gallery: Bools

    def users(self) -> Ints:
        """Return the users to evaluate: those with at least one known film and at least one target."""
        has = np.bincount(self.known.user, minlength=len(self.known.users)) > 0
        seeks = np.asarray(self.targets[:, np.flatnonzero(self.gallery)].sum(axis=1)).ravel() > 0
        return np.flatnonzero(has & seeks)

    def within(self, films: Bools) -> "Task":
        """Return the same task with the gallery restricted to some films."""
        return Task(self.known, self.targets, self.gallery & films)


def by_time(events: Events, last: float = LAST) -> Task:
    """Hold out the last events, with one cut in time for all users.

    Events at the exact time of the cut are held out too, so that no known event is as late as a held-out one.

    Args:
        events: Events with times.
        last: The share that is held out.
    """
    assert events.time is not None
    cut = np.sort(events.time)[min(int(np.floor(len(events) * (1 - last))), len(events) - 1)]
    late = events.time >= cut
    return Task(events.select(~late), _targets(events, late), np.ones(events.films, dtype=np.bool_))


def cold_folds(films: int, folds: int = FOLDS, seed: int = 0) -> Ints:
    """Return (F,) random folds of films; the sizes of folds differ by at most one film."""
    return np.asarray(np.random.default_rng(seed).permutation(films) % folds, dtype=np.int64)


def cold(events: Events, gallery: Bools) -> Task:
    """Hold out all events of some films and rank only these films, which are then new to all users."""
    new = gallery[events.film]
    return Task(events.select(~new), _targets(events, new), gallery)


def _targets(events: Events, held: Bools) -> csr_matrix:
    requested = events.select(held & events.liked)
    return requested.matrix(np.ones(len(requested))).astype(np.bool_)


def film_split(catalogue: Catalogue, films: npt.NDArray[np.object_], splits: npt.NDArray[np.object_]) -> Bools:
    """Return (F,) whether a film's posters are in the test split; all posters of a film are in the same split."""
    inside = set(catalogue.films[splits == "test"])
    return np.array([film in inside for film in films], dtype=np.bool_)


__all__ = ["FOLDS", "Events", "Task", "by_time", "cold", "cold_folds", "film_split"]
