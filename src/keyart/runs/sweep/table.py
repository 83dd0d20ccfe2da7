"""A sweep as a table: ``sweep.csv`` for programs, and a table with conclusions for the terminal."""

import csv
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from keyart.runs.sweep.comparison import format_value
from keyart.runs.sweep.folder import Job
from keyart.runs.sweep.summary import Summary
from keyart.utils.files import write_text
from keyart.utils.tables import format_number
from keyart.utils.text import csv_cell, terminal

FILE = "sweep.csv"
FILE_WIDTH = 160


def column_names(summary: Summary) -> list[str]:
    """Return the columns of ``sweep.csv``; metrics of the test split must not guide a choice, so it has none."""
    monitor = summary.sweep.monitor
    references = [f"{monitor}/{name}" for name in ("low", "high", "chance", "frozen", "lift", "trained_branch")]
    return ["job", "status", *summary.sweep.keys, monitor, *references, "error"]


def row_of(job: Job, summary: Summary) -> list[str | int | float | None]:
    """Return one job's row, with None for unknown values."""
    ends: list[float | None] = [None, None]
    if job.value is not None:
        estimate = summary.estimates.of([job])
        ends = [end if math.isfinite(end) else None for end in (estimate.low, estimate.high)]
    settings = [job.settings.get(key) for key in summary.sweep.keys]
    references = [job.references.get(name) for name in ("chance", "frozen", "lift")]
    return [job.number, job.status, *settings, job.value, *ends, *references, job.trained, job.error or None]


def write_csv(summary: Summary, folder: Path) -> Path:
    """Write ``sweep.csv``: a header and one row per job."""
    text = io.StringIO(newline="")
    rows: list[Sequence[str | int | float | None]] = [column_names(summary)]
    rows += [row_of(job, summary) for job in summary.sweep.jobs]
    csv.writer(text).writerows(["" if value is None else csv_cell(value) for value in row] for row in rows)
    write_text(folder / FILE, text.getvalue())
    return folder / FILE


def print_sweep(summary: Summary, console: Console | None = None) -> None:
    """Print one row per job, the highest first, and the conclusions."""
    console = console or console_for(sys.stdout)
    sweep = summary.sweep
    title = f"{sweep.name}: " if sweep.name else ""
    table = Table(title=f"{title}{sweep.monitor} of {len(sweep.jobs)} jobs", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("job", justify="right")
    for key in sweep.keys:
        table.add_column(key)
    table.add_column(sweep.monitor.partition("/")[2], justify="right", no_wrap=True)
    table.add_column("lift", justify="right")
    table.add_column("status", overflow="fold")
    for job in summary.by_value():
        value = "–"
        if job.value is not None:
            estimate = summary.estimates.of([job])
            value = f"{job.value:.4f}" + (f" [{estimate.low:.3f} {estimate.high:.3f}]" if estimate.known else "")
        settings = (format_value(job.settings.get(key)) for key in sweep.keys)
        table.add_row(str(job.number), *settings, value, format_number(job.references.get("lift"), 2), job.outcome)
    console.print(table)
    for line in answers(summary):
        console.print(line, soft_wrap=True)


def console_for(stream: TextIO) -> Console:
    """Return a console as wide as the terminal, or wide enough for a table of many keys in a file."""
    return terminal(stream, width=None if stream.isatty() else FILE_WIDTH)


def answers(summary: Summary) -> list[str]:
    """Return the conclusions of the sweep, one per line."""
    if summary.best is None:
        return ["no job has finished: nothing to choose from"]
    lines = []
    if summary.decided or summary.settings < 2:
        settings = ", ".join(f"{key}={format_value(value)}" for key, value in summary.best.settings.items())
        name = "best run" if summary.decided else "run"
        lines.append(f"{name}: {settings or summary.best.number}, {summary.best.folder}")
    lines += [summary.verdict, summary.lift_note]
    for choice in summary.choices:
        where = "" if summary.curve[1] is None else f" for {summary.curve[1]}={format_value(choice.given)}"
        best = choice.best
        text = "no value differs significantly from another"
        if choice.decided:
            equal = f"; not significantly worse: {', '.join(choice.as_good)}" if choice.as_good else ""
            text = f"{best.name} ({best.estimate.value:.4f}){equal}"
        lines.append(f"best {choice.key}{where}: {text}")
    for effect in summary.effects:
        gap = effect.difference
        ends = "" if gap is None else f" [{gap.low:+.4f} {gap.high:+.4f}]"
        size = effect.best.estimate.value - effect.worst.estimate.value
        share = "" if effect.share is None else f", {effect.share:.0%} of the variance between settings"
        lines.append(f"effect of {effect.key}: {size:+.4f}{ends} from its lowest to its highest value{share}")
    return [line for line in lines if line]
