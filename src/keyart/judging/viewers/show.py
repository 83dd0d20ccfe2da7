"""What a history says of a run, for people: tables on standard output."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from keyart.judging.viewers.evaluate import DIFFERENCES, ROWS
from keyart.judging.viewers.ranking import CUTS
from keyart.tables import cell

SETTINGS = {
    "all": "all films, the last fifth of events",
    "cold": "cold films, all of them",
    "test/cold": "cold films of the test split",
}
MEASURES = ("recall", "ndcg", "hit_rate", "coverage", "novelty")


def print_viewers(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a table a setting, rows by columns, and the paired differences under it."""
    console = console or Console()
    told = (
        f"{found['films']:,} films, {found['events']:,} events; {found['unknown_films']:,} films of the history unknown"
    )
    console.print(told, highlight=False)
    for setting, text in SETTINGS.items():
        if not found.get(f"{setting}/users"):
            continue
        users, gallery = found[f"{setting}/users"], found[f"{setting}/gallery"]
        title = f"{text}: {users:,} users, {found[f'{setting}/liked']:,} liked films sought among {gallery:,.0f}"
        for k in CUTS:
            _print_cut(found, setting, k, f"{title}; k = {k}", console)
        _print_differences(found, setting, console)


def _print_cut(found: Mapping[str, Any], setting: str, k: int, title: str, console: Console) -> None:
    table = Table("", *(name.replace("_", " ") for name in MEASURES), title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in ROWS:
        cells = [found[f"{setting}/{name}@{k}/{row}"] for name in MEASURES]
        table.add_row(
            row, *(cell(value, 2 if name == "novelty" else 4) for name, value in zip(MEASURES, cells, strict=True))
        )
    console.print(table)


def _print_differences(found: Mapping[str, Any], setting: str, console: Console) -> None:
    table = Table("paired difference", "recall@100", "ndcg@100", title_justify="left")
    for pair in DIFFERENCES:
        name = "-".join(pair)
        if found.get(f"{setting}/recall@100/{name}") is None:
            continue
        table.add_row(
            name.replace("-", " − "), *(_interval(found, f"{setting}/{m}@100/{name}") for m in ("recall", "ndcg"))
        )
    console.print(table)


def _interval(found: Mapping[str, Any], key: str) -> str:
    value, low, high = (found[f"{key}{end}"] for end in ("", "/low", "/high"))
    return f"{value:+.4f}" if low is None else f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"
