"""A history as arrays, and the two ways in which part of it is held out."""

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
"""The share of events that is held out by time."""


@dataclass(frozen=True, eq=False)
class Events:
    """Who watched what: each user and film once, with the first of their events.

    Attributes:
        user: (E,) positions in ``users``.
        film: (E,) positions among the catalogue's F films.
        liked: (E,) whether it was liked, see `History.liked`; without ratings, watched.
        rating: (E,) as of five stars, or None.
        time: (E,) seconds, or None.
        users: (U,) names.
        films: F.
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
        """The events about a catalogue's films, and how many films of the history it lacks.

        Raises:
            InputError: It has none of them.
        """
        matched = history.match(catalogue)
        frame = pd.DataFrame({"user": history.users.astype(str), "film": matched.film, "liked": history.liked()})
        frame["rating"] = np.nan if history.stars is None else history.stars
        frame["time"] = np.nan if history.timestamps is None else history.timestamps
        frame = frame[frame["film"] >= 0].sort_values("time", kind="stable", na_position="first")
        # A film that is watched again is not new: it belongs to the time when it was first seen.
        frame = frame.drop_duplicates(["user", "film"], keep="first").sort_values(["user", "film"], kind="stable")
        codes, users = pd.factorize(frame["user"].astype(object))
        times = None if history.timestamps is None else frame["time"].to_numpy(dtype=np.float64)
        if times is not None and np.isnan(times).any():
            raise InputError(
                f"{history.source}: {int(np.isnan(times).sum())} events have no timestamp; give all of them one, or"
                " leave the column out (then films are not judged by time)"
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
        """Some of the events; users and films stay."""
        rating = None if self.rating is None else self.rating[which]
        time = None if self.time is None else self.time[which]
        return Events(self.user[which], self.film[which], self.liked[which], rating, time, self.users, self.films)

    def matrix(self, values: npt.NDArray[np.floating]) -> csr_matrix:
        """(U, F) sparse float32 with a value for each event."""
        shape = (len(self.users), self.films)
        return csr_matrix((values.astype(np.float32), (self.user, self.film)), shape=shape)

    def profiles(self) -> csr_matrix:
        """(U, F) what each watched film tells of its viewer's taste, see :func:`event_weights`; rows sum to 1."""
        weights = np.empty(len(self))
        order = np.argsort(self.user, kind="stable")
        for own in np.split(order, np.flatnonzero(np.diff(self.user[order])) + 1):
            if len(own):
                ratings = None if self.rating is None else self.rating[own]
                weights[own] = event_weights(ratings, None if self.time is None else self.time[own], len(own))
        return self.matrix(weights)


@dataclass(frozen=True, eq=False)
class Task:
    """What is known, and what is to be found.

    Attributes:
        known: The events that models may see.
        targets: (U, F) bool, the held-out liked films.
        gallery: (F,) bool, the films that are ranked; a user's known films never are.
    """

    known: Events
    targets: csr_matrix
    gallery: Bools

    def users(self) -> Ints:
        """Those who are judged: with a known film and something to find."""
        has = np.bincount(self.known.user, minlength=len(self.known.users)) > 0
        seeks = np.asarray(self.targets[:, np.flatnonzero(self.gallery)].sum(axis=1)).ravel() > 0
        return np.flatnonzero(has & seeks)

    def within(self, films: Bools) -> "Task":
        """The same among fewer films."""
        return Task(self.known, self.targets, self.gallery & films)


def by_time(events: Events, last: float = LAST) -> Task:
    """One cut in time for everybody: the last events are held out.

    Events of the moment of the cut are held out too, so that no known event is as late as a held-out one.

    Args:
        events: With times.
        last: The share that is held out.
    """
    assert events.time is not None
    cut = np.sort(events.time)[min(int(np.floor(len(events) * (1 - last))), len(events) - 1)]
    late = events.time >= cut
    return Task(events.select(~late), _targets(events, late), np.ones(events.films, dtype=np.bool_))


def cold_folds(films: int, folds: int = FOLDS, seed: int = 0) -> Ints:
    """(F,) each film's fold, drawn at random; folds differ by one film at most."""
    return np.asarray(np.random.default_rng(seed).permutation(films) % folds, dtype=np.int64)


def cold(events: Events, gallery: Bools) -> Task:
    """All events about some films are held out, and these films alone are ranked: they are new to everybody."""
    new = gallery[events.film]
    return Task(events.select(~new), _targets(events, new), gallery)


def _targets(events: Events, held: Bools) -> csr_matrix:
    wanted = events.select(held & events.liked)
    return wanted.matrix(np.ones(len(wanted))).astype(np.bool_)


def film_split(catalogue: Catalogue, films: npt.NDArray[np.object_], splits: npt.NDArray[np.object_]) -> Bools:
    """(F,) whether a film's posters are in the test split; a film is never parted between splits."""
    inside = set(catalogue.films[splits == "test"])
    return np.array([film in inside for film in films], dtype=np.bool_)


__all__ = ["FOLDS", "Events", "Task", "by_time", "cold", "cold_folds", "film_split"]
