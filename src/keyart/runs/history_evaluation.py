"""Evaluation of a run's recommendations on a watch history, for ``keyart evaluate-history``."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from keyart.catalogue.history import read_history
from keyart.errors import InputError
from keyart.recommend.evaluation.events import FOLDS, Bools, Events, Task, by_time, cold, cold_folds, film_split
from keyart.recommend.evaluation.models import popularity
from keyart.recommend.evaluation.ranking import CUTS, NAMES, RankingResult, chance, evaluate
from keyart.recommend.evaluation.tuning import (
    ChosenModels,
    Spaces,
    Vectors,
    choose_content_model,
    choose_interaction,
    interaction_scores,
)
from keyart.runs.evaluation.posters import embed_and_frozen, open_posters
from keyart.runs.run import Run
from keyart.utils.bootstrap import bootstrap_intervals
from keyart.utils.vectors import normalise_rows

KINDS = ("genres", "frozen", "posters")
PAIRS = (("genres", "posters"), ("genres", "frozen"))
ROWS = ("random", "popularity", "genres", "frozen", "posters", "genres+posters", "genres+frozen", "ease", "hybrid")
DIFFERENCES = (
    ("posters", "random"),
    ("posters", "frozen"),
    ("genres+posters", "genres"),
    ("genres+posters", "genres+frozen"),
    ("hybrid", "ease"),
)
Say = Callable[[str], None]


def evaluate_history(
    run: Run,
    history: Path,
    catalogue: Path | None = None,
    images: Path | None = None,
    *,
    on_bad_poster: Literal["error", "skip"] = "error",
    rating_scale: float | None = None,
    liked_from: float | None = None,
    report: Say = lambda text: None,
) -> dict[str, Any]:
    """Evaluate how well a run predicts which films users like later, compared with other models.

    *All films* (``all/…``): one cut in time for all users. The targets are the films of the last fifth of events that a
    user liked (four of five stars or more), among all films that the user has not watched. *Cold films* (``cold/…``):
    five folds over films, so that each film is cold once. The events of a fold's films are removed, and users' liked
    films of the fold are ranked among that fold only; a user's value is the mean over folds. ``test/cold/…`` is the
    same among the test split's films, whose genres the embedding has not learned.

    Rows: ``random`` (in expectation), ``popularity``, ``genres``, ``frozen`` and ``posters`` (a user profile on
    multi-hot genres, on the frozen backbone's features, on the run's embedding: see
    :class:`keyart.recommend.user_profile.ProfileSpace`),
    ``genres+posters`` and ``genres+frozen``, ``ease`` (Steck 2019) and ``hybrid`` (a blend of EASE and posters). All
    settings are chosen on events other than those evaluated: by an earlier cut within the known events, and by the next
    fold.

    Popularity and EASE know nothing about cold films: they have no value there, and ``hybrid`` equals ``posters``.
    Novelty has no value there either, because all cold films are equally new.

    Args:
        run: A finished run.
        history: Users' ratings or watch events; without timestamps only cold films are evaluated.
        catalogue: A table of posters; None: the run's own.
        images: The folder of its images.
        on_bad_poster: ``error`` or ``skip``.
        rating_scale: The best rating; None: inferred from the ratings.
        liked_from: Lowest rating that counts as liked; None: four fifths of the best.
        report: Called with a message before long steps and about data that is left out.

    Returns:
        ``<setting>/<metric>@<k>/<row>`` with ``/low`` and ``/high`` (95% over users), ``…/<row>-<row>`` for paired
        differences, ``<setting>/coverage@k/<row>``; ``<setting>/users``, ``…/gallery``, ``…/liked``; ``unknown_films``;
        ``rating_scale``, ``liked_from``; ``chosen``. ``<setting>/best``: the row of the highest nDCG, see `best_row`.
        Undefined values are None. So are values that every ranking reaches, such as recall@100 among 60 films;
        ``<setting>/left_out`` has the reason.

    Raises:
        InputError: The history or the posters are invalid, or no user has both known and held-out films.
    """
    events_read = read_history(history, scale=rating_scale, liked_from=liked_from)
    posters, splits = open_posters(run, catalogue, images, on_bad_poster)
    table = posters.catalogue
    events, unknown = Events.of(events_read, table)
    report(posters.summary)
    report(events_read.summary)
    report("embedding posters")
    embeddings, frozen = embed_and_frozen(run, run.embedder, posters, precision=run.precision)
    names = events_read.match_films(table).films
    place = {film: at for at, film in enumerate(names)}
    film = np.array([place[one] for one in table.films], dtype=np.int64)
    vectors = {
        "genres": of_films(table.genres.astype(np.float32), film),
        "frozen": of_films(frozen, film),
        "posters": of_films(embeddings, film),
    }
    test = None if splits is None else film_split(table, names, splits)
    scale = events_read.scale
    record = {
        **{"films": events.films, "unknown_films": unknown, "events": len(events)},
        **{"rating_scale": scale and scale.best, "liked_from": scale and scale.liked_from},
    }
    return record | evaluate_events(events, vectors, test, report)


def of_films(vectors: npt.ArrayLike, film: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Convert (N, D) vectors of posters to (F, D) vectors of films: the unit mean of the posters' unit vectors."""
    rows = normalise_rows(np.asarray(vectors))
    sums = np.zeros((int(film.max()) + 1, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, film, rows)
    return normalise_rows(sums)


def evaluate_events(
    events: Events, vectors: Vectors, test: Bools | None = None, report: Say = lambda text: None
) -> dict[str, Any]:
    """Evaluate all protocols on film vectors; see :func:`evaluate_history`.

    Args:
        events: Watch events.
        vectors: ``genres``, ``frozen`` and ``posters``: (F, D) unit vectors each.
        test: (F,) films that the embedding has not learned from; None: unknown.
        report: Called with a message before long steps and about data that is left out.
    """
    spaces = Spaces(vectors)
    flat: dict[str, Any] = {}
    chosen: dict[str, Any] = {}
    if events.time is None:
        report("the history has no timestamps: films are not evaluated by time, only cold ones")
    else:
        report("all films: the last fifth of events")
        task = by_time(events)
        inner = by_time(task.known)
        if not len(task.users()) or not len(inner.users()):
            raise InputError(
                "nobody both watched a film before the last fifth of events and liked one in it", parameter="history"
            )
        found = choose_content_model(spaces, KINDS, PAIRS, inner)
        choose_interaction(found, "posters", inner)
        flat |= _report("all", [(task, _rank(task, found, interaction=True))])
        chosen["all"] = found.settings
    report(f"cold films: {FOLDS} folds")
    whole, part = _cold(events, spaces, test, chosen)
    flat |= _report("cold", whole)
    if test is not None:
        flat |= _report("test/cold", part)
    return flat | {"chosen": chosen}


Tasks = list[tuple[Task, dict[str, RankingResult]]]


def _cold(events: Events, spaces: Spaces, test: Bools | None, chosen: dict[str, Any]) -> tuple[Tasks, Tasks]:
    folds = cold_folds(events.films)
    whole: Tasks = []
    part: Tasks = []
    for fold in range(FOLDS):
        task = cold(events, folds == fold)
        # Settings are chosen on the next fold, without the events of the evaluated fold.
        inner = cold(task.known, folds == (fold + 1) % FOLDS)
        if not len(inner.users()):
            continue
        found = choose_content_model(spaces, KINDS, PAIRS, inner)
        chosen.setdefault("cold", []).append(found.settings)
        for tasks, one in ((whole, task), *([(part, task.within(test))] if test is not None else [])):
            if len(one.users()):
                tasks.append((one, _rank(one, found, interaction=False)))
    if not whole:
        raise InputError(
            "nobody liked films in two folds; cold films cannot be evaluated with so few events", parameter="history"
        )
    return whole, part


def _rank(task: Task, chosen: ChosenModels, *, interaction: bool) -> dict[str, RankingResult]:
    users = task.users()
    ranked = {"random": chance(task)}
    for row, content_model in chosen.content_model.items():
        ranked[row] = evaluate(task, content_model.scores(task.known, users))
    if interaction:
        ranked["popularity"] = evaluate(task, popularity(task.known, users))
        for row, scores in interaction_scores(chosen, "posters", task, users).items():
            ranked[row] = evaluate(task, scores)
    else:
        ranked["hybrid"] = ranked["posters"]
    return ranked


def _report(setting: str, tasks: Tasks) -> dict[str, Any]:
    """Return the flat values of one setting: means over users of their means over tasks."""
    if not tasks:
        return {f"{setting}/users": 0}
    values = {row: _mean([ranked[row].values for _, ranked in tasks]) for row in tasks[0][1]}
    evaluated = ~np.isnan(values["random"][:, 0])
    flat: dict[str, Any] = {
        f"{setting}/users": int(evaluated.sum()),
        f"{setting}/gallery": float(np.mean([task.gallery.sum() for task, _ in tasks])),
        f"{setting}/liked": int(
            sum(task.targets[task.users()][:, np.flatnonzero(task.gallery)].sum() for task, _ in tasks)
        ),
    }
    if setting != "all":
        # Cold films are all equally new.
        for own in values.values():
            own[:, [name.startswith("novelty") for name in NAMES]] = np.nan
    left_out = trivial(values["random"][evaluated])
    for own in values.values():
        own[:, [name in left_out for name in NAMES]] = np.nan
    flat[f"{setting}/left_out"] = left_out
    flat[f"{setting}/best"] = best_row({row: values[row][evaluated] for row in ROWS if row in values}, left_out)
    flat |= _means(setting, {row: values.get(row) for row in ROWS}, evaluated)
    paired = {f"{a}-{b}": values[a] - values[b] for a, b in DIFFERENCES if a in values and b in values}
    flat |= _means(setting, paired, evaluated)
    for k in CUTS:
        for row in ROWS:
            shown = f"recall@{k}" not in left_out
            covered = [ranked[row].coverage(task.gallery)[k] for task, ranked in tasks if row in ranked and shown]
            flat[f"{setting}/coverage@{k}/{row}"] = float(np.mean(covered)) if covered else None
    return flat


def trivial(random: npt.NDArray[np.float64]) -> dict[str, str]:
    """Return the metrics that are equal for every ranking, because k covers all (or enough) of the candidates.

    Args:
        random: (U, M) expectations under random rankings, per evaluated user; columns as in `NAMES`.

    Returns:
        The reason by metric. Novelty is included with recall: if all candidates are shown, it is the same for all
        rankings.
    """
    certain = {name: bool((random[:, at] >= 1 - 1e-9).all()) for at, name in enumerate(NAMES)}
    reasons: dict[str, str] = {}
    for k in CUTS:
        if certain[f"recall@{k}"]:
            text = f"k = {k} shows every user all candidates: the same for every ranking"
            reasons |= {f"{name}@{k}": text for name in ("recall", "hit_rate", "novelty", "coverage")}
        elif certain[f"hit_rate@{k}"]:
            reasons[f"hit_rate@{k}"] = f"k = {k} leaves out fewer candidates than any user liked: 1 for every ranking"
    return reasons


def best_row(values: Mapping[str, npt.NDArray[np.float64]], left_out: Mapping[str, str]) -> dict[str, Any]:
    """Find the row with the best ranking, and its difference from the others.

    Args:
        values: (U, M) of each row over evaluated users, columns as in `NAMES`; rows without values are absent.
        left_out: Result of `trivial`. nDCG is compared at the largest k that does not cover all candidates.

    Returns:
        ``metric``, ``row``, its ``value`` with ``low`` and ``high``; ``over``: the paired difference from
        ``popularity`` (if it has values) and from ``random``, each with ``low``, ``high`` and ``verdict``; ``as_good``:
        rows that are not significantly worse.
    """
    cut = max((k for k in CUTS if f"recall@{k}" not in left_out), default=min(CUTS))
    metric = f"ndcg@{cut}"
    columns = {row: own[:, NAMES.index(metric)] for row, own in values.items()}
    # Without EASE, the hybrid row equals the posters' row.
    if "ease" not in columns:
        columns.pop("hybrid", None)
    first = max(columns, key=lambda row: float(np.nanmean(columns[row])))
    rest = [row for row in columns if row != first]
    own, *gaps = bootstrap_intervals(
        np.stack([columns[first], *(columns[first] - columns[row] for row in rest)], axis=1)
    )
    by_row = dict(zip(rest, gaps, strict=True))
    over = {
        row: {"difference": gap.value, "low": _known(gap.low), "high": _known(gap.high), "verdict": gap.verdict}
        for row, gap in by_row.items()
        if row in ("popularity", "random")
    }
    return {
        "metric": metric,
        "row": first,
        "value": own.value,
        "low": _known(own.low),
        "high": _known(own.high),
        "over": over,
        "as_good": [row for row, gap in by_row.items() if gap.verdict == "no difference"],
    }


def _means(setting: str, rows: Mapping[str, npt.NDArray[np.float64] | None], evaluated: Bools) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for row, values in rows.items():
        if values is None:
            flat |= {f"{setting}/{name}/{row}": None for name in NAMES}
            continue
        for name, one in zip(NAMES, bootstrap_intervals(values[evaluated]), strict=True):
            key = f"{setting}/{name}/{row}"
            flat |= {key: _known(one.value), f"{key}/low": _known(one.low), f"{key}/high": _known(one.high)}
    return flat


def _mean(parts: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # users without a value in any fold
        return np.asarray(np.nanmean(np.stack(parts), axis=0))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
