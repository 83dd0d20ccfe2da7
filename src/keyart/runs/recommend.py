"""Film recommendations for users, from a watch history or from a few liked films."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from keyart.catalogue.history import History, read_history, similar_users
from keyart.errors import InputError
from keyart.recommend.candidates import Candidates, Films, User, find_candidates, index_space
from keyart.recommend.interests import event_weights
from keyart.retrieval.random_pairs import RandomPairs, known_share
from keyart.retrieval.searchable import Searchable
from keyart.runs.search import find_row, poster_metadata, shortened, titles_of
from keyart.utils.files import atomic_path
from keyart.utils.progress import progress_bar
from keyart.utils.vectors import normalise_rows

BATCH = 64
NAMED = 20
"""Maximum number of unknown films that are named."""


@dataclass(frozen=True, eq=False)
class Users:
    """Users of a history, with the watched films that an index contains.

    Attributes:
        users: (U,) names of users with a known film; names that are numbers are sorted as numbers.
        histories: (U,) their watch histories, in the same order.
        left_out: Users without a known film.
        unknown: Films that the index lacks.
    """

    users: list[str]
    histories: list[User]
    left_out: list[str]
    unknown: list[str]

    @property
    def notes(self) -> dict[str, Any]:
        """Number of unknown films, and the first of them."""
        return {"unknown_films": len(self.unknown), "unknown": self.unknown[:NAMED]}


def read_users(history: History, films: Films, user: str | None = None) -> Users:
    """Return the users of a history, or one of them.

    Of several events of a user with the same film, the last one counts.

    Raises:
        InputError: The user does not exist, or the index contains no film that any user (or that user) watched.
    """
    frame = pd.DataFrame({"user": history.users.astype(str), "id": history.ids.astype(str)})
    frame["rating"] = np.nan if history.stars is None else history.stars
    frame["time"] = np.nan if history.timestamps is None else history.timestamps
    if user is not None:
        everybody = frame["user"]
        frame = frame[everybody == user]
        if not len(frame):
            near = similar_users(everybody.unique().tolist(), user)
            raise InputError(f"{history.source} has no such user{near}", parameter="user", value=user)
    place = films.places(history.column)
    frame["film"] = [place.get(one, -1) for one in frame["id"]]
    unknown = sorted(frame.loc[frame["film"] < 0, "id"].unique().tolist())
    known = frame[frame["film"] >= 0].sort_values("time", kind="stable", na_position="first")
    known = known.drop_duplicates(["user", "film"], keep="last")
    if not len(known):
        who = "none of the films in it" if user is None else f"none of the films that user {user} watched"
        raise InputError(
            f"{history.source}: {who} ({unknown[0]}, say) is in the index ({films.names[0]}, say); give both the same"
            " ids, in a column imdb_id or film"
        )
    histories = {
        str(name): User(
            own["film"].to_numpy(dtype=np.int64),
            event_weights(
                None if history.ratings is None else own["rating"].to_numpy(dtype=np.float64),
                None if history.timestamps is None else own["time"].to_numpy(dtype=np.float64),
                len(own),
            ),
        )
        for name, own in known.groupby("user", sort=False)
    }
    users = sorted(histories, key=_as_number)
    left_out = sorted(set(frame["user"]) - set(users), key=_as_number)
    return Users(users, [histories[name] for name in users], left_out, unknown)


def _as_number(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.isdecimal() else (1, 0, name)


def user_from_liked(index: Searchable, films: Films, liked: str | Sequence[str]) -> User:
    """Create a user who likes some films equally.

    Args:
        index: The index that contains the films.
        films: The index's films.
        liked: Ids or titles; in one text, they are separated by commas.

    Raises:
        InputError: No film is named, or one is not in the index.
    """
    asked = _split(index, films, liked) if isinstance(liked, str) else list(liked)
    if not asked:
        raise InputError(
            "name at least one film by its id, such as ``liked=tt0107822,tt0110912``", parameter="liked", value=liked
        )
    # A film with several posters can also be named by its film name.
    codes = np.unique([films.place[one] if one in films.place else _titled(index, films, one) for one in asked])
    return User(codes, np.full(len(codes), 1 / len(codes)))


def _split(index: Searchable, films: Films, liked: str) -> list[str]:
    """Split a text at commas, but not within titles that contain commas."""
    rest = [one.strip() for one in liked.split(",")]
    asked = []
    while rest:
        most = (n for n in range(len(rest), 1, -1) if _is_title(index, films, ", ".join(rest[:n])))
        taken = 1 if rest[0] in films.place else next(most, 1)
        asked.append(", ".join(rest[:taken]))
        rest = rest[taken:]
    return [one for one in asked if one]


def _is_title(index: Searchable, films: Films, text: str) -> bool:
    return text in films.place or bool(titles_of(index).find_equal(text).rows)


def _titled(index: Searchable, films: Films, title: str) -> int:
    try:
        return int(films.codes[find_row(index, title)])
    except InputError as error:
        name = shortened(title)
        raise InputError(error.text.removeprefix(f"{name}: "), parameter="liked", value=name) from None


def recommend_run(
    index: Searchable,
    liked: str | Sequence[str] | None,
    history: Path | None,
    user: str | None,
    k: int,
    *,
    rating_scale: float | None = None,
    out: Path | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Recommend films by liked films, to one user of a history, or to all of its users; see `keyart.Run.recommend`.

    Returns:
        The result of `recommend_one` or `recommend_all`, with the user and the history's unknown films.
    """
    # Read the history first: the index may be large.
    events = read_history(history, scale=rating_scale) if history is not None else None
    films = Films(index.posters)
    if events is None:
        person = user_from_liked(index, films, liked or ())
        return {"liked": films.names[person.films].tolist(), **recommend_one(index, films, person, k)}
    all_users = read_users(events, films, user)
    if user is not None:
        person = all_users.histories[0]
        found = {"user": user, "known_films": len(person.films), **all_users.notes}
        found |= recommend_one(index, films, person, k)
    else:
        assert out is not None
        with progress_bar("users") as progress:
            found = recommend_all(index, films, all_users, k, out, progress=progress) | all_users.notes
    report(f"{events.source}: {len(events):,} events; {events.scale or 'no ratings: all films count alike'}")
    return found | {"rating_scale": events.scale and events.scale.best}


def recommend_one(index: Searchable, films: Films, person: User, k: int) -> dict[str, Any]:
    """Return candidates for one user as a dict for JSON: ``interests`` and ``candidates``.

    ``score`` is the score by the whole profile, which is not a cosine. ``because`` is the watched film that contributes
    most, with the cosine of the two posters as ``similarity``, and as ``closer_than`` the share of random pairs of the
    index's posters with a lower cosine.
    """
    found = find_candidates(index, films, index_space(index), [person], k)[0]
    watched = films.first[person.films]
    medoids = poster_metadata(index, watched[[one.medoid for one in found.interests]])
    because = watched[found.because]
    cosines = (normalise_rows(index.vectors(found.rows)) * normalise_rows(index.vectors(because))).sum(1)
    shares = RandomPairs.of_index(index).closer_than(cosines)
    reasons = [
        {**_short(film), "similarity": round(float(cosine), 6), "closer_than": known_share(share)}
        for film, cosine, share in zip(poster_metadata(index, because), cosines, shares, strict=True)
    ]
    return {
        "interests": [
            {"weight": round(one.weight, 4), "films": len(one.members), "medoid": _short(film)}
            for one, film in zip(found.interests, medoids, strict=True)
        ],
        "candidates": [
            {"score": round(float(score), 6), **facts, "because": reason, "interest": int(interest)}
            for facts, score, reason, interest in zip(
                poster_metadata(index, found.rows), found.scores, reasons, found.interest, strict=True
            )
        ],
    }


def recommend_all(
    index: Searchable,
    films: Films,
    all_users: Users,
    k: int,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Write candidates for all users of a history into one Parquet file, in batches.

    Columns: ``user``, ``rank`` (from 1), ``id``, ``film``, ``score``, ``because`` (the id of the watched film that
    contributes most) and ``interest``. The file is written atomically.

    Returns:
        ``users``, ``left_out``, ``candidates`` (rows), ``seconds_per_1000_users`` and ``out``.

    Raises:
        InputError: The file cannot be written.
    """
    started, count = time.perf_counter(), 0
    ids = index.posters["id"].astype(str).to_numpy(dtype=object)
    try:
        with atomic_path(out) as draft, pq.ParquetWriter(draft, SCHEMA) as writer:
            for users, found in _batches(index, films, all_users, k):
                writer.write_table(_as_table(users, found, all_users, films, ids))
                count += sum(len(one) for one in found)
                progress(users.stop, len(all_users.users))
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror or error}); name another file", parameter="out", value=out
        ) from None
    seconds = (time.perf_counter() - started) / len(all_users.users) * 1000
    done = {"users": len(all_users.users), "left_out": len(all_users.left_out), "candidates": count}
    return {**done, "seconds_per_1000_users": round(seconds, 3), "out": str(out)}


SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("rank", pa.int32()),
        ("id", pa.string()),
        ("film", pa.string()),
        ("score", pa.float32()),
        ("because", pa.string()),
        ("interest", pa.int32()),
    ]
)


def _batches(index: Searchable, films: Films, all_users: Users, k: int) -> Iterator[tuple[range, Sequence[Candidates]]]:
    space = index_space(index)
    for start in range(0, len(all_users.users), BATCH):
        users = range(start, min(start + BATCH, len(all_users.users)))
        yield users, find_candidates(index, films, space, [all_users.histories[at] for at in users], k)


def _as_table(users: range, found: Sequence[Candidates], all_users: Users, films: Films, ids: "np.ndarray") -> pa.Table:
    sizes = [len(one) for one in found]
    rows = np.concatenate([one.rows for one in found])
    watched = [films.first[all_users.histories[at].films[one.because]] for at, one in zip(users, found, strict=True)]
    columns = {
        "user": np.repeat(np.array([all_users.users[at] for at in users], dtype=object), sizes),
        "rank": np.concatenate([np.arange(1, size + 1) for size in sizes]),
        "id": ids[rows],
        "film": films.names[films.codes[rows]].astype(str),
        "score": np.concatenate([one.scores for one in found]),
        "because": ids[np.concatenate(watched)],
        "interest": np.concatenate([one.interest for one in found]),
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _short(film: dict[str, Any]) -> dict[str, Any]:
    return {key: film[key] for key in ("id", "title", "year")}
