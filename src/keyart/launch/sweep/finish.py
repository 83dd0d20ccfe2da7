"""The end of a sweep: its table, its picture and its page, from whatever its folders hold by then."""

import logging
import shlex
import sys
from pathlib import Path

from keyart.reports.sweep.chart import FILE as PICTURE
from keyart.reports.sweep.chart import save_sweep_chart
from keyart.reports.sweep.page import write_page
from keyart.runs.sweep.folder import read_sweep
from keyart.runs.sweep.summary import Summary, summarise_sweep
from keyart.runs.sweep.table import console_for, print_sweep, write_csv
from keyart.utils.text import echo

log = logging.getLogger(__name__)


def report_sweep(folder: str | Path) -> Summary:
    """Write ``sweep.csv``, ``sweep.html`` and ``sweep.png`` into a sweep's folder; again, as often as one likes.

    Raises:
        InputError: The folder is no sweep's.
    """
    summary = summarise_sweep(read_sweep(folder))
    folder = summary.sweep.folder
    write_csv(summary, folder)
    chart = ""
    if summary.sweep.finished:
        chart = save_sweep_chart(summary, folder)
    else:
        (folder / PICTURE).unlink(missing_ok=True)
    write_page(summary, chart, folder)
    return summary


def finish_sweep(folder: Path) -> bool:
    """Report on a sweep whose jobs have ended, in its folder, on standard error, and to W&B where its runs went there.

    Returns:
        Whether every job has finished or was pruned.
    """
    summary = report_sweep(folder)
    print_sweep(summary, console_for(sys.stderr))
    _log_to_wandb(summary)
    missing = [job for job in summary.sweep.jobs if job.status not in ("finished", "pruned")]
    for job in missing:
        echo(f"train.py: job {job.number} {job.status}{f': {job.error}' if job.error else ''}", err=True)
    if missing:
        failed = sum(job.status == "failed" for job in missing)
        if summary.sweep.search and failed == len(missing):
            how, more = "draw others with", f" hydra.sweeper.n_trials={len(summary.sweep.jobs) + failed}"
        else:
            how, more = "go on with the search by" if summary.sweep.search else "do them again with", ""
        left = f"{len(missing)} of {len(summary.sweep.jobs)} jobs did not finish"
        echo(f"train.py: {left}; {how} python train.py -m resume_sweep={shlex.quote(str(folder))}{more}", err=True)
    return summary.sweep.complete


def _log_to_wandb(summary: Summary) -> None:
    """Log the sweep where its runs were logged, and tell the one line that uploads what is offline."""
    from keyart.training.loggers.wandb_content import wandb_settings

    if wandb_settings(summary.sweep.config) is None:
        return
    from keyart.launch.sweep.wandb import log_sweep, sweeps_sync_line

    try:
        log_sweep(summary)
    except Exception:
        # The sweep is complete without it.
        log.warning("W&B did not take the sweep's table", exc_info=True)
    if line := sweeps_sync_line(summary):
        echo(line, err=True)
