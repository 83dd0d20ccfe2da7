"""Table of a sweep: ``sweep.csv`` for programs, and a printed table for people."""

import csv
import math
import sys
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from keyart.runs.sweep.folder import Job
from keyart.runs.sweep.summary import Summary, told
from keyart.utils.tables import cell
from keyart.utils.text import csv_cell, terminal

FILE = "sweep.csv"
FILE_WIDTH = 160


def columns_of(summary: Summary) -> list[str]:
    """Return the columns of ``sweep.csv``, without metrics of the test split, which must not be used for selection."""
    monitor = summary.sweep.monitor
    beside = [f"{monitor}/{name}" for name in ("low", "high", "chance", "frozen", "lift")]
    return ["job", "status", *summary.sweep.keys, monitor, *beside, "error"]


def row_of(job: Job, summary: Summary) -> list[str | int | float | None]:
    """Return one job's row; unknown values are None."""
    settings = [job.settings.get(key) for key in summary.sweep.keys]
    low, high = None, None
    if job.value is not None:
        estimate = summary.estimates.of([job])
        low, high = (end if math.isfinite(end) else None for end in (estimate.low, estimate.high))
    beside = [job.beside.get(name) for name in ("chance", "frozen", "lift")]
    return [job.number, job.status, *settings, job.value, low, high, *beside, job.error or None]


def write_csv(summary: Summary, folder: Path) -> Path:
    """Write ``sweep.csv``: a header and one row per job, including failed ones."""
    path = folder / FILE
    draft = path.with_name(f".{FILE}")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(csv_cell(name) for name in columns_of(summary))
        writer.writerows(
            ["" if value is None else csv_cell(value) for value in row_of(job, summary)] for job in summary.sweep.jobs
        )
    draft.replace(path)
    return path


def print_sweep(summary: Summary, console: Console | None = None) -> None:
    """Print one row per job, the highest value first, and the results of the sweep."""
    console = console or console_for(sys.stdout)
    sweep = summary.sweep
    title = f"{sweep.name}: " if sweep.name else ""
    title += f"{sweep.monitor} of {len(sweep.jobs)} jobs"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("job", justify="right")
    for key in sweep.keys:
        table.add_column(key)
    table.add_column(sweep.monitor.partition("/")[2], justify="right", no_wrap=True)
    table.add_column("lift", justify="right")
    table.add_column("status", overflow="fold")
    for job in sorted(sweep.jobs, key=lambda job: -math.inf if job.value is None else job.value, reverse=True):
        value = "–"
        if job.value is not None:
            estimate = summary.estimates.of([job])
            value = f"{job.value:.4f}" + (
                "" if math.isnan(estimate.low) else f" [{estimate.low:.3f} {estimate.high:.3f}]"
            )
        settings = (told(job.settings.get(key)) for key in sweep.keys)
        table.add_row(str(job.number), *settings, value, cell(job.beside.get("lift"), 2), job.outcome)
    console.print(table)
    for line in answers(summary):
        console.print(line, soft_wrap=True)


def console_for(stream: TextIO) -> Console:
    """Create a console as wide as the terminal, or for a file wide enough for a table of many keys."""
    return terminal(stream, width=None if stream.isatty() else FILE_WIDTH)


def answers(summary: Summary) -> list[str]:
    """Return the results of the sweep, one per line."""
    if summary.best is None or summary.best_setting is None:
        return ["no job has finished: nothing to choose from"]
    settings = ", ".join(f"{key}={told(value)}" for key, value in summary.best.settings.items())
    lines = [summary.verdict, summary.lift_note]
    if summary.decided or summary.settings < 2:
        which = "best run" if summary.decided else "run"
        lines.insert(0, f"{which}: {settings or summary.best.number}, {summary.best.folder}")
    key, given = summary.curve
    for choice in summary.choices:
        where = "" if given is None else f" for {given}={told(choice.given)}"
        if not choice.decided:
            lines.append(f"best {key}{where}: no value differs significantly from another")
            continue
        equal = f"; not significantly worse: {', '.join(choice.as_good)}" if choice.as_good else ""
        lines.append(f"best {key}{where}: {choice.best.name} ({choice.best.estimate.value:.4f}){equal}")
    for effect in summary.effects:
        gap = effect.difference
        ends = "" if gap is None else f" [{gap.low:+.4f} {gap.high:+.4f}]"
        size = effect.best.estimate.value - min(level.estimate.value for level in effect.levels)
        share = "" if effect.share is None else f", {effect.share:.0%} of the variance between settings"
        lines.append(f"effect of {effect.key}: {size:+.4f}{ends} from its lowest to its highest value{share}")
    return [line for line in lines if line]
