"""A sweep in Weights & Biases: its table, chart and best run, in the group of its runs."""

from typing import Any

from keyart.reports.sweep.chart import FILE as CHART
from keyart.runs.sweep.comparison import is_number
from keyart.runs.sweep.summary import Summary
from keyart.runs.sweep.table import column_names, row_of
from keyart.training.loggers.wandb_content import wandb_settings
from keyart.training.loggers.wandb_files import staged_in, sync_line
from keyart.training.loggers.wandb_logger import WandbLog


def is_in_wandb(summary: Summary) -> bool:
    """Return whether the runs of a sweep were logged to W&B."""
    return wandb_settings(summary.sweep.config) is not None


def sync_line_of(summary: Summary) -> str:
    """Return the command that uploads a sweep and all its offline runs; empty if there is nothing to upload."""
    return sync_line([*(job.folder for job in summary.sweep.jobs), summary.sweep.folder])


def log_sweep(summary: Summary) -> None:
    """Log a sweep as one more run beside those of its jobs, replacing an earlier log of it.

    Args:
        summary: Summary of a sweep whose runs were logged to W&B.
    """
    import wandb

    sweep, settings = summary.sweep, wandb_settings(summary.sweep.config)
    assert settings is not None
    logger = WandbLog(
        sweep.folder,
        project=settings["project"],
        name=sweep.title,
        entity=settings.get("entity"),
        group=str(settings.get("group") or sweep.folder.name),
        tags=settings.get("tags") or (),
        mode=settings["mode"],
        job_type="sweep",
    )
    columns: Any = column_names(summary)
    content: dict[str, Any] = {"sweep/jobs": wandb.Table(columns=columns, data=_rows(summary))}
    if (sweep.folder / CHART).is_file():
        content["sweep/curves"] = wandb.Image(str(sweep.folder / CHART), caption=CHART)
    run = logger.experiment
    with staged_in(sweep.folder / "wandb" / "staging"):
        run.log(content)
        run.summary["verdict"] = summary.verdict
        if summary.best is not None:
            kind = "best" if summary.decided else "highest"
            run.summary[f"{kind}/{sweep.monitor.partition('/')[2]}"] = summary.best.value
            run.summary[f"{kind}/job"] = summary.best.number
            run.summary[f"{kind}/settings"] = summary.best.settings
    logger.finish("finished" if sweep.complete else "failed")


def _rows(summary: Summary) -> Any:
    """Return the table's rows. A column in W&B has one type: settings that are not all numbers become text."""
    columns = []
    for values in zip(*(row_of(job, summary) for job in summary.sweep.jobs), strict=True):
        numbers = all(value is None or is_number(value) for value in values)
        columns.append([value if numbers or value is None else str(value) for value in values])
    return [list(row) for row in zip(*columns, strict=True)]
