"""The end of a sweep: table, chart and page from the contents of its folders."""

import logging
import shlex
import sys
from pathlib import Path

from keyart.reports.sweep.chart import FILE as CHART, save_sweep_chart
from keyart.reports.sweep.page import write_page
from keyart.runs.sweep.folder import read_sweep
from keyart.runs.sweep.summary import Summary, summarise_sweep
from keyart.runs.sweep.table import console_for, print_sweep, write_csv
from keyart.utils.program import train_command, train_prefix
from keyart.utils.text import echo

log = logging.getLogger(__name__)


def report_sweep(folder: str | Path) -> Summary:
    """Write ``sweep.csv``, ``sweep.html`` and ``sweep.png`` into a sweep's folder, replacing earlier ones.

    Raises:
        InputError: The folder is not that of a sweep.
    """
    summary = summarise_sweep(read_sweep(folder))
    folder = summary.sweep.folder
    write_csv(summary, folder)
    chart, note = "", ""
    if summary.sweep.finished:
        chart, note = save_sweep_chart(summary, folder)
    else:
        (folder / CHART).unlink(missing_ok=True)
    write_page(summary, chart, note, folder)
    return summary


def finish_sweep(folder: Path) -> bool:
    """Report on a sweep whose jobs have ended: in its folder, on standard error, and to W&B if it has the runs.

    Returns:
        Whether every job has finished or was pruned.
    """
    summary = report_sweep(folder)
    print_sweep(summary, console_for(sys.stderr))
    _log_to_wandb(summary)
    sweep, missing = summary.sweep, summary.sweep.missing
    for job in missing:
        echo(f"{train_prefix()}: job {job.number} {job.outcome}", err=True)
    if missing:
        failed, how, more = sum(job.status == "failed" for job in missing), "run them again with", ""
        if sweep.search:
            how = "continue the search with"
            if failed == len(missing):
                how, more = "draw new ones with", f" hydra.sweeper.n_trials={len(sweep.jobs) + failed}"
        line = f"{train_command()} -m resume_sweep={shlex.quote(str(folder))}{more}"
        echo(f"{train_prefix()}: {len(missing)} of {len(sweep.jobs)} jobs did not finish; {how} {line}", err=True)
    return sweep.complete


def _log_to_wandb(summary: Summary) -> None:
    """Log the sweep to W&B if its runs are there, and print the command that uploads offline runs."""
    from keyart.launch.sweep.wandb import is_in_wandb, log_sweep, sync_line_of

    if not is_in_wandb(summary):
        return
    try:
        log_sweep(summary)
    except Exception:
        # The sweep is complete without W&B.
        log.warning("W&B did not accept the sweep's table", exc_info=True)
    if line := sync_line_of(summary):
        echo(line, err=True)
