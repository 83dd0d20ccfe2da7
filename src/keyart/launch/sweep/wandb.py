"""A sweep in Weights & Biases: its table, its picture and its best run, in the group of its runs."""

from typing import Any

from keyart.reports.sweep.chart import FILE as PICTURE
from keyart.runs.sweep.summary import Summary
from keyart.runs.sweep.table import columns_of, row_of
from keyart.training.loggers.wandb_content import wandb_settings
from keyart.training.loggers.wandb_files import staged_in, sync_line
from keyart.training.loggers.wandb_logger import WandbLog


def log_sweep(summary: Summary) -> None:
    """Log a sweep as a run of its own beside those of its jobs; again, it takes the place of what was logged before.

    Args:
        summary: Of a sweep whose runs were logged to W&B.
    """
    import wandb

    sweep = summary.sweep
    asked = wandb_settings(sweep.config)
    assert asked is not None
    logger = WandbLog(
        sweep.folder,
        project=asked["project"],
        name=sweep.title,
        entity=asked.get("entity"),
        group=group_of(summary),
        tags=asked.get("tags") or (),
        mode=asked["mode"],
        job_type="sweep",
    )
    run = logger.experiment
    shown: dict[str, Any] = {"sweep/jobs": _table(summary)}
    if (sweep.folder / PICTURE).is_file():
        shown["sweep/curves"] = wandb.Image(str(sweep.folder / PICTURE), caption=PICTURE)
    with staged_in(sweep.folder / "wandb" / "staging"):
        run.log(shown)
        run.summary["verdict"] = summary.verdict
        if summary.best is not None:
            kind = "best" if summary.decided else "highest"
            run.summary[f"{kind}/{sweep.monitor.partition('/')[2]}"] = summary.best.value
            run.summary[f"{kind}/job"] = summary.best.number
            run.summary[f"{kind}/settings"] = summary.best.settings
    logger.finish("finished" if sweep.complete else "failed")


def _table(summary: Summary) -> Any:
    import wandb

    columns: Any = columns_of(summary)
    rows: Any = _rows(summary)
    return wandb.Table(columns=columns, data=rows)


def group_of(summary: Summary) -> str:
    """The group in W&B of a sweep's runs."""
    asked = wandb_settings(summary.sweep.config) or {}
    return str(asked.get("group") or summary.sweep.folder.name)


def sweeps_sync_line(summary: Summary) -> str:
    """The one command that uploads a sweep and all its offline runs; empty where there is nothing to upload."""
    return sync_line([*(job.folder for job in summary.sweep.jobs), summary.sweep.folder])


def _rows(summary: Summary) -> list[list[Any]]:
    """Rows for W&B, whose columns hold one type each: settings that are not all numbers become texts."""
    rows = [list(row_of(job, summary)) for job in summary.sweep.jobs]
    for column in range(len(rows[0]) if rows else 0):
        values = [row[column] for row in rows]
        if not all(
            value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values
        ):
            for row in rows:
                row[column] = None if row[column] is None else str(row[column])
    return rows
