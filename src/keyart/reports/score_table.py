"""Metrics as HTML: the key figures, and the table with intervals."""

import math
from collections.abc import Sequence
from typing import Any

from keyart.reports.html import load_macros
from keyart.reports.numbers import number
from keyart.runs.evaluation.metric_names import is_genre, metric_name
from keyart.runs.evaluation.scores import Score
from keyart.utils.bootstrap import SIGNS, Interval
from keyart.utils.text import Markup

LEAST, MOST = -0.5, 3.0
"""Limits of the widest lift scale that is drawn."""
_SHOWN = ("map", "precision@10", "recall@1", "precision@10/genre_macro", "precision@10/decade")


def headline(scores: Sequence[Score], first: str) -> Markup:
    """Build the key figures: the lift of ``first`` in large type, and cards for up to six metrics."""
    by_key = {score.key: score for score in scores}
    main = by_key.get(first) or (scores[0] if scores else None)
    if main is None:
        return Markup()
    cards = [by_key[key] for key in dict.fromkeys((main.key, *_SHOWN)) if key in by_key]
    return Markup(_macros().headline(main, cards))


def score_tables(scores: Sequence[Score], first: str, queries: str) -> Markup:
    """Build the tables of metrics; those without near-duplicates and those of single genres are collapsed.

    Args:
        scores: All scores.
        first: Key of the most important metric.
        queries: Sentence on the numbers of queries and searched posters, for the note.
    """
    whole = [score for score in scores if not is_genre(score.key)]
    main = [score for score in whole if not score.key.endswith("/dedup")]
    dedup = [score for score in whole if score.key.endswith("/dedup")]
    genres = [score for score in scores if is_genre(score.key) and not score.key.endswith("/dedup")]
    folded = (("Without near-duplicates of the query", dedup), ("Single genres", genres))
    return Markup(_macros().tables(main, first, folded, queries, _scale(whole)))


def _macros() -> Any:
    return load_macros(
        "scores.html.j2",
        name_of=metric_name,
        ends=_ends,
        lifts_of=_lifts,
        scale_of=_scale,
        places=_places,
        signs=SIGNS,
    )


def _ends(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval.low):
        return ""
    return f"{number(interval.low)} to {number(interval.high)}"


def _lifts(score: Score) -> tuple[float, float, float] | None:
    """Return the lift and the ends of its interval, with fixed chance and frozen values; None if it is undefined."""
    if score.lift is None or score.chance is None or score.frozen is None or score.frozen == score.chance:
        return None
    chance, reach = score.chance, score.frozen - score.chance
    if score.interval is None or math.isnan(score.interval.low):
        return score.lift, score.lift, score.lift
    ends = sorted(((score.interval.low - chance) / reach, (score.interval.high - chance) / reach))
    return score.lift, ends[0], ends[1]


def _scale(scores: Sequence[Score]) -> tuple[float, float]:
    """Return the ends of a scale that contains 0, 1 and all lifts with their intervals, within limits."""
    values = [value for score in scores for value in (_lifts(score) or ())]
    low = max(min([-0.15, *values]), LEAST)
    high = min(max([1.25, *values]), MOST)
    return low - 0.05, high + 0.05


def _places(values: Sequence[float], scale: tuple[float, float], width: float) -> list[float]:
    """Return the positions of lifts on a scale in pixels; a lift outside the scale is moved to its end."""
    low, high = scale
    return [(min(max(value, low), high) - low) / (high - low) * width for value in values]
