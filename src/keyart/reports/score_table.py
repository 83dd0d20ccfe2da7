"""Metrics as HTML: the key figures, and the table with intervals."""

import math
from collections.abc import Sequence

from keyart.runs.evaluation.metric_names import is_genre, metric_name
from keyart.runs.evaluation.scores import Score
from keyart.utils.bootstrap import SIGNS, Interval
from keyart.utils.text import to_html

WIDTH, HEIGHT = 190, 22
LEAST, MOST = -0.5, 3.0
"""Limits of the widest lift scale that is drawn."""


def number(value: float | None, digits: int = 3) -> str:
    """Format a number with a fixed number of digits; a dash if it is undefined.

    Examples:
        >>> number(0.29813), number(-0.5, 1), number(None)
        ('0.298', '−0.5', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def headline(scores: Sequence[Score], first: str) -> str:
    """Build the key figures: the lift of ``first`` in large type, and cards for up to six metrics.

    Args:
        scores: All scores.
        first: Key of the most important metric.
    """
    by_key = {score.key: score for score in scores}
    main = by_key.get(first) or (scores[0] if scores else None)
    if main is None:
        return ""
    name = to_html(metric_name(main.key))
    if main.lift is None:
        large, told = number(main.value), f"is its {name}; there is no lift: {_no_lift(main)}."
    else:
        large = number(main.lift, 2)
        told = f"is the lift of {name}: 0 is chance, 1 is what the frozen backbone knows without any training."
    wanted = [main.key, "map", "precision@10", "recall@1", "precision@10/genre_macro", "precision@10/decade"]
    cards = "".join(_card(by_key[key]) for key in dict.fromkeys(wanted) if key in by_key)
    return (
        f'<div class="headline"><div class="big"><div class="number display">{large}</div><p>{told}</p>'
        f'{_scale_of(main)}</div><dl class="cards">{cards}</dl></div>'
    )


def score_tables(scores: Sequence[Score], first: str, queries: str) -> str:
    """Build the tables of metrics; those without near-duplicates and those of single genres are collapsed.

    Args:
        scores: All scores.
        first: Key of the most important metric.
        queries: Sentence on the numbers of queries and searched posters, for the note.
    """
    main = [score for score in scores if not is_genre(score.key) and not score.key.endswith("/dedup")]
    dedup = [score for score in scores if not is_genre(score.key) and score.key.endswith("/dedup")]
    genres = [score for score in scores if is_genre(score.key) and not score.key.endswith("/dedup")]
    scale = _scale([score for score in scores if not is_genre(score.key)])
    note = (
        f"{queries} In brackets: 95% percentile bootstrap over queries. Differences are paired: ▲ significantly "
        "better, ▼ significantly worse, = no significant difference (the interval holds zero)."
    )
    parts = [f'<p class="note">{note.strip()}</p>', _table(main, first, "All metrics", scale)]
    for title, rows in (("Without near-duplicates of the query", dedup), ("Single genres", genres)):
        if rows:
            parts.append(
                f"<details><summary>{title} ({len(rows)})</summary>{_table(rows, '', title, _scale(rows))}</details>"
            )
    return "\n".join(parts)


def _no_lift(score: Score) -> str:
    if score.frozen is None:
        return "the frozen backbone was not measured"
    return "the frozen backbone is not above chance by more than its own noise"


def _card(score: Score) -> str:
    small = " · ".join(
        f"<span>{name} {number(value)}</span>"
        for name, value in (("chance", score.chance), ("frozen", score.frozen))
        if value is not None
    )
    return (
        f'<div class="card"><dt>{to_html(metric_name(score.key))}</dt><dd>'
        f'<span class="display">{number(score.value)}</span>'
        f"<small>{_ends(score.interval)}</small><small>{small}</small></dd></div>"
    )


def _table(scores: Sequence[Score], first: str, caption: str, scale: tuple[float, float]) -> str:
    heads = ("value", "chance", "frozen", "value − frozen", "lift")
    columns = "".join(f'<th scope="col">{head}</th>' for head in heads)
    rows = "".join(_row(score, score.key == first, scale) for score in scores)
    return (
        f'<div class="scroll"><table><caption>{caption}</caption><thead><tr><th scope="col">metric</th>'
        f'{columns}<th scope="col">lift: 0 chance, 1 frozen</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(score: Score, main: bool, scale: tuple[float, float]) -> str:
    gap = score.difference
    if gap is None and score.value is not None and score.frozen is not None:
        difference = number(score.value - score.frozen)
    else:
        difference = "–" if gap is None else _verdict(gap) + _signed(gap.value) + _bracket(gap)
    sure = "" if gap is None else f' class="{gap.verdict.replace(" ", "-")}"'
    return (
        f'<tr{" class=headline-row" if main else ""}><th scope="row">{to_html(metric_name(score.key))}</th>'
        f"<td>{number(score.value)}{_bracket(score.interval)}</td><td>{number(score.chance)}</td>"
        f"<td>{number(score.frozen)}</td><td{sure}>{difference}</td><td>{number(score.lift, 2)}</td>"
        f"<td>{_strip(score, scale)}</td></tr>"
    )


def _verdict(gap: Interval) -> str:
    """Build a sign for readers who do not distinguish the colours, with a word for screen readers."""
    return f'<span class="sign" role="img" aria-label="{gap.verdict}" title="{gap.verdict}">{SIGNS[gap.verdict]}</span>'


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + number(value)


def _ends(interval: Interval | None) -> str:
    if interval is None or math.isnan(interval.low):
        return ""
    return f"{number(interval.low)} to {number(interval.high)}"


def _bracket(interval: Interval | None) -> str:
    told = _ends(interval)
    return f" <small>[{told}]</small>" if told else ""


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


def _place(value: float, scale: tuple[float, float], width: float = WIDTH) -> float:
    """Return the position of a lift on a scale in pixels; a lift outside the scale is moved to its end."""
    inside = min(max(value, scale[0]), scale[1])
    return (inside - scale[0]) / (scale[1] - scale[0]) * width


def _scale_of(score: Score) -> str:
    """Build the lift scale of the key figure, with named marks."""
    lifts = _lifts(score)
    if lifts is None:
        return ""
    width, line, scale = 400, 16, _scale([score])
    chance, frozen, here, low, high = (_place(value, scale, width) for value in (0.0, 1.0, *lifts))
    label = f"lift {number(lifts[0], 2)}, 95% interval {number(lifts[1], 2)} to {number(lifts[2], 2)}"
    marks = "".join(
        f'<path d="M{x:.1f} {line - 8}v16" style="stroke:var(--{colour});stroke-width:3"/>'
        f'<text x="{x:.1f}" y="{line + 25}" text-anchor="middle" style="fill:var(--{colour})">{name}</text>'
        for x, name, colour in (
            (chance, f"chance {number(score.chance)}", "muted"),
            (frozen, f"frozen {number(score.frozen)}", "frozen"),
        )
    )
    return (
        f'<svg class="lift" viewBox="0 0 {width} 46" role="img" aria-label="{label}"><title>{label}</title>'
        f'<path d="M0 {line}H{width}" style="stroke:var(--rule);stroke-width:3"/>'
        f'<path d="M{chance:.1f} {line}H{here:.1f}" style="stroke:var(--accent);stroke-width:3"/>{marks}'
        f'<path d="M{low:.1f} {line}H{high:.1f}" style="stroke:var(--accent);stroke-width:9;opacity:.35"/>'
        f'<circle cx="{here:.1f}" cy="{line}" r="7.5" style="fill:var(--accent)"/></svg>'
    )


def _strip(score: Score, scale: tuple[float, float]) -> str:
    lifts = _lifts(score)
    if lifts is None:
        return ""
    x = [_place(value, scale) for value in (0.0, 1.0, *lifts)]
    middle = HEIGHT / 2
    label = f"lift {number(lifts[0], 2)}, 95% interval {number(lifts[1], 2)} to {number(lifts[2], 2)}"
    return (
        f'<svg class="lift" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>'
        f'<path d="M0 {middle}H{WIDTH}" stroke="currentColor" opacity=".12"/>'
        f'<path d="M{x[0]:.1f} 3V{HEIGHT - 3}" style="stroke:var(--muted);stroke-width:1.5"/>'
        f'<path d="M{x[1]:.1f} 3V{HEIGHT - 3}" style="stroke:var(--frozen);stroke-width:2.5"/>'
        f'<path d="M{x[3]:.1f} {middle}H{x[4]:.1f}" style="stroke:var(--accent);stroke-width:2"/>'
        f'<circle cx="{x[2]:.1f}" cy="{middle}" r="4.5" style="fill:var(--accent)"/></svg>'
    )
