"""``sweep.html``: the report of a sweep on one self-contained page."""

import math
import os
from pathlib import Path

from keyart.reports.page import build_credits, build_page, build_table
from keyart.reports.score_table import number
from keyart.reports.sweep.chart import reference_note
from keyart.runs.evaluation.metric_names import metric_name
from keyart.runs.run import read_environment
from keyart.runs.sweep.estimates import Estimate
from keyart.runs.sweep.folder import REPLICATES, Job
from keyart.runs.sweep.summary import Effect, Summary, told
from keyart.utils.text import Markup, to_html

FILE = "sweep.html"
_PAIRED = "Differences are paired over the same queries (or seeds); 95% intervals for all pairs of values at a time."


def write_page(summary: Summary, chart: str, folder: Path) -> Path:
    """Write ``sweep.html`` into a folder and return its path.

    Args:
        summary: Summary of the sweep.
        chart: SVG of `save_sweep_chart`; empty if no chart was drawn.
        folder: Output folder.
    """
    sweep = summary.sweep
    first = next((job.folder for job in sweep.jobs if (job.folder / "environment.json").is_file()), None)
    sections = [
        ("curves", "Curves", _curves(summary, chart)),
        ("choice", "Which value is best", _choices(summary)),
        ("effects", "What each key does", _effects(summary)),
        ("jobs", "Jobs", _jobs(summary)),
    ]
    page = build_page(
        sweep.title if sweep.name else f"Sweep {sweep.folder.name}",
        _lead(summary),
        _headline(summary),
        [section for section in sections if section[2]],
        build_credits(sweep.config, read_environment(first) if first is not None else {}),
        kind="sweep",
    )
    path = folder / FILE
    draft = path.with_name(f".{FILE}.{os.getpid()}")
    draft.write_text(page, encoding="utf-8")
    draft.replace(path)
    return path


def _lead(summary: Summary) -> str:
    sweep = summary.sweep
    keys = ", ".join(f"<b>{to_html(key)}</b>" for key in sweep.keys) or "nothing"
    done = sum(job.status == "finished" for job in sweep.jobs)
    count = f"{len(sweep.jobs)} jobs" if done == len(sweep.jobs) else f"{done} of {len(sweep.jobs)} jobs finished"
    if pruned := sum(job.status == "pruned" for job in sweep.jobs):
        count += f", {pruned} pruned"
    how = "searched over" if sweep.search else "swept over"
    return (
        f"{count}, {how} {keys}. Runs are chosen by <b>{to_html(sweep.monitor)}</b>; no test metric takes part in any "
        "of this."
    )


def _headline(summary: Summary) -> str:
    best, mean = summary.best, summary.best_setting
    if best is None or mean is None:
        return '<p class="note">No job has finished yet.</p>'
    name = to_html(metric_name(summary.sweep.monitor.partition("/")[2]))
    seeds = ", a mean over seeds" if any(key in summary.sweep.keys for key in REPLICATES) else ""
    if not summary.decided and summary.settings > 1:
        low = number(summary.lowest, 4)
        return (
            f'<div class="headline"><div class="big"><div class="number display">{low} to {number(mean.value, 4)}</div>'
            f"<p>is the range of {name} on validation{seeds}. {to_html(summary.verdict)}</p></div></div>"
        )
    lift = None if summary.lift_note else best.beside.get("lift")
    about = f"is the {'best ' if summary.decided else ''}{name} on validation{seeds}"
    about += "." if lift is None else f"; its run has a lift of {number(lift, 2)}."
    about += f" {to_html(summary.verdict)}"
    cards = "".join(
        f'<div class="card"><dt>{to_html(key)}</dt><dd><span class="display">{to_html(told(value))}</span></dd></div>'
        for key, value in best.settings.items()
    )
    return (
        f'<div class="headline"><div class="big"><div class="number display">{number(mean.value, 4)}</div>'
        f"<p>{about}</p><p class=muted>{_ends(mean)}</p><p>Run {_link(best)}</p></div>"
        f'<dl class="cards" style="align-content:start">{cards}</dl></div>'
    )


def _curves(summary: Summary, chart: str) -> str:
    if not chart:
        return ""
    seeds = any(key in summary.sweep.keys for key in REPLICATES)
    how = "Student’s t over seeds" if seeds else "a percentile bootstrap over the validation queries"
    return (
        f'<p class="note">Bars and bands are 95% intervals, {how}. Jobs are judged on the same queries, so their '
        f"intervals may overlap where their difference is significant: see below. "
        f"{to_html(reference_note(summary))}</p>"
        f'<div class="wide">{chart}</div>'
    )


def _choices(summary: Summary) -> str:
    key, given = summary.curve
    if key is None:
        return ""
    heads = [*([given] if given else []), f"best {key}", "mean", "not significantly worse"]
    rows = []
    for choice in summary.choices:
        cells = [told(choice.given)] if given else []
        if choice.decided:
            cells += [choice.best.name, _value(choice.best.estimate), ", ".join(choice.as_good) or "none"]
        else:
            span = f"{number(choice.low, 4)} to {number(choice.best.estimate.value, 4)}"
            cells += ["no value differs significantly from another", span, "all"]
        rows.append((cells[0], cells[1:]))
    return f'<p class="note">{_PAIRED}</p>{build_table("Best values", heads, rows)}'


def _effects(summary: Summary) -> str:
    if not summary.effects:
        return ""
    shares = any(effect.share is not None for effect in summary.effects)
    heads = ["key", "highest value", "lowest value", "difference", *(["share of variance"] if shares else [])]
    rows = [
        (effect.key, [effect.best.name, _worst(effect), _gap(effect), *([_share(effect)] if shares else [])])
        for effect in summary.effects
    ]
    note = "Each key by itself, the others averaged over."
    if shares:
        note += " The share is of the variance between settings."
    if shares and summary.sweep.search:
        note += " A search tries good values more often than bad ones: its shares tell where to look, not how much."
    return f'<p class="note">{note} {_PAIRED}</p>{build_table("Effects", heads, rows)}'


def _worst(effect: Effect) -> str:
    return min(effect.levels, key=lambda level: level.estimate.value).name


def _gap(effect: Effect) -> str:
    if effect.difference is None:
        return "–"
    gap = effect.difference
    mark = " (significant)" if gap.excludes_zero else ""
    return f"+{number(gap.value, 4)} [{number(gap.low, 4)} to {number(gap.high, 4)}]{mark}"


def _share(effect: Effect) -> str:
    return "–" if effect.share is None else f"{effect.share:.0%}"


def _jobs(summary: Summary) -> str:
    sweep = summary.sweep
    heads = ["job", *sweep.keys, metric_name(sweep.monitor.partition("/")[2]), "frozen", "lift", "status"]
    body = []
    for job in sorted(sweep.jobs, key=lambda job: -math.inf if job.value is None else job.value, reverse=True):
        value = "–" if job.value is None else _value(summary.estimates.of([job]))
        cells = [to_html(told(job.settings.get(key))) for key in sweep.keys]
        status = to_html(job.outcome)
        marked = ' class="headline-row"' if summary.best is job and summary.decided else ""
        cells += [value, number(job.beside.get("frozen"), 4), number(job.beside.get("lift"), 2)]
        tail = f'<td style="white-space:normal;text-align:left">{status}</td>'
        inner = "".join(f"<td>{cell}</td>" for cell in cells)
        body.append(f'<tr{marked}><th scope="row">{_link(job)}</th>{inner}{tail}</tr>')
    columns = "".join(f'<th scope="col">{to_html(head)}</th>' for head in heads)
    note = f'<p class="note">{to_html(summary.lift_note)}</p>' if summary.lift_note else ""
    return (
        f'{note}<div class="scroll"><table><caption>Jobs, the highest first</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _link(job: Job) -> str:
    """Return the job's number, with a link to its report if it exists; relative, so that the folder can be moved."""
    if (job.folder / "report.html").is_file():
        return f'<a href="{job.number}/report.html">{job.number}</a>'
    return str(job.number)


def _value(estimate: Estimate) -> Markup:
    ends = _ends(estimate)
    return Markup(number(estimate.value, 4) + (f" <small>[{ends}]</small>" if ends else ""))


def _ends(estimate: Estimate) -> str:
    return "" if math.isnan(estimate.low) else f"{number(estimate.low)} to {number(estimate.high)}"
