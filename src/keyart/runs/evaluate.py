"""Evaluation of a run, for ``keyart evaluate``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from keyart.catalogue.history import read_history
from keyart.catalogue.relevance import RelevanceKind
from keyart.metrics.registry import import_paths
from keyart.metrics.result import merge_frozen
from keyart.recommend.cowatch import co_watched
from keyart.runs.evaluation.baselines import baseline_metrics
from keyart.runs.evaluation.branches import branch_metrics, check_sizes, size_metrics
from keyart.runs.evaluation.cowatch_metrics import history_metrics
from keyart.runs.evaluation.pairs import open_pairs, pairs_metrics
from keyart.runs.evaluation.posters import (
    EmbeddedPosters,
    embed_and_frozen,
    evaluate_embeddings,
    from_whole,
    open_posters,
    variant_evaluator,
    whole_and_frozen,
)
from keyart.runs.evaluation.scores import per_query_table
from keyart.runs.run import Run
from keyart.utils.reading import COPY_AGAIN, faults_of


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Metrics of posters by a run's embedder.

    Attributes:
        split: ``test`` for the run's own posters, ``eval`` for others.
        metrics: Flat metrics, in the format of ``metrics.json``.
        per_query: One row per query: ``id``, ``split``, and one column per metric.
        frozen_per_query: The same for the frozen backbone.
    """

    split: str
    metrics: dict[str, float | None]
    per_query: pd.DataFrame
    frozen_per_query: pd.DataFrame


def recorded_metrics(run: Run, report: Callable[[str], None]) -> list[str] | None:
    """Return the metrics that the run was trained with; None: the usual ones.

    Metrics that are import paths are left out, because a folder from elsewhere may not choose code that runs here.

    Raises:
        InputError: ``config.yaml`` is damaged.
    """
    file = run.folder / "config.yaml"
    with faults_of(file, COPY_AGAIN):
        names = run.config["evaluation"].get("metrics")
        own = import_paths(names or ())
    if own:
        report(
            f"{file}: evaluation.metrics names code ({', '.join(own)}), which a run's folder may not choose; left out"
        )
    return [name for name in names or () if name not in own] or None


def evaluate_run(
    run: Run,
    catalogue: Path | None = None,
    images: Path | None = None,
    *,
    relevance: RelevanceKind | None = None,
    on_bad_poster: Literal["error", "skip"] = "error",
    pairs: Path | None = None,
    other_images: Path | None = None,
    history: Path | None = None,
    baselines: bool = False,
    sizes: Sequence[int] = (),
    rating_scale: float | None = None,
    liked_from: float | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> Evaluated:
    """Evaluate a run's embedder, with chance level and frozen backbone for comparison.

    Args:
        run: A finished run.
        catalogue: A table of posters, which are all queries and all gallery, under the name ``eval``. None: the run's
            own test split as queries and gallery, under the name ``test``.
        images: The folder of the catalogue's images; None: the table's own.
        relevance: Relevance kind of the metrics; None: the run's ``evaluation.relevance``.
        on_bad_poster: ``error`` or ``skip``; also for rows of ``pairs``.
        pairs: A table of other artwork, see `pairs_metrics`.
        other_images: The folder of that artwork; None: the table's own.
        history: A table of users' ratings of films, see `history_metrics`.
        baselines: Whether to evaluate baseline embeddings too, see `baseline_metrics`.
        sizes: Numbers of leading dimensions of each embedding to evaluate too, see `size_metrics`; this needs a run
            that was trained with ``model.output_size``.
        rating_scale: The best rating of ``history``; None: inferred from the ratings.
        liked_from: Lowest rating that counts as liked; None: four fifths of the best.
        report: Called with a line on each table: how many rows became posters, which are left out, how ratings are
            read.

    Returns:
        Flat metrics, including those of each branch of the head (`branch_metrics`), and per-query values. For posters
        that are not the run's own also ``eval/rows`` and ``eval/skipped``: the number of rows of the table, and the
        number that are left out.

    Raises:
        InputError: The run's embeddings cannot be cut to ``sizes``, a table or its images cannot be read, or the run's
            own posters have changed.
    """
    # Read all inputs that may be invalid before any long computation.
    embedder = run.embedder
    check_sizes(embedder.head, sizes)
    events = read_history(history, scale=rating_scale, liked_from=liked_from) if history is not None else None
    posters, splits = open_posters(run, catalogue, images, on_bad_poster)
    watched = co_watched(events, posters.catalogue) if events is not None else None
    artwork = None
    if pairs is not None:
        artwork = open_pairs(pairs, other_images, posters.catalogue, run.image_size, skip=on_bad_poster == "skip")
    for line in (posters.summary, artwork and artwork.summary, events and events.summary):
        if line:
            report(line)

    kind = relevance or run.setting("evaluation", "relevance")
    metrics = recorded_metrics(run, report)
    precision = run.precision
    whole, base = whole_and_frozen(run, embedder, posters, precision=precision)
    evaluated = EmbeddedPosters(posters, from_whole(embedder, whole), base, splits)
    at = evaluated.positions(evaluated.split)
    frozen = evaluate_embeddings(evaluated.frozen, posters, kind, at, metrics)
    own = evaluate_embeddings(evaluated.embeddings, posters, kind, at, metrics)
    flat = merge_frozen(own, frozen, evaluated.split)
    others = variant_evaluator(posters, kind, at), frozen, evaluated.split
    flat |= branch_metrics(embedder.head, whole[at], *others)
    flat |= size_metrics(evaluated.embeddings[at], sizes, *others)
    if splits is None:
        flat |= {"eval/rows": posters.account.rows, "eval/skipped": posters.account.faults}
    if baselines:
        flat |= baseline_metrics(run, embedder, evaluated, kind, frozen, precision)
    if artwork is not None:
        flat |= pairs_metrics(
            evaluated, artwork, *embed_and_frozen(run, embedder, artwork.pixels, precision=precision), sizes
        )
    if watched is not None:
        flat |= history_metrics(evaluated, watched)
        if events is not None and events.scale is not None:
            flat |= {"cowatch/rating_scale": events.scale.best, "cowatch/liked_from": events.scale.liked_from}
    tables = [per_query_table(one, evaluated.split) for one in (own, frozen)]
    return Evaluated(evaluated.split, flat, tables[0], tables[1])
