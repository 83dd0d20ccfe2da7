"""Tables for people, on standard output."""

from collections.abc import Mapping

import pandas as pd
from rich.console import Console
from rich.table import Table

COLUMNS = ("chance", "frozen", "lift")
#: The last part of keys that are no metric of their own.
BESIDE = (*COLUMNS, "left_out", "queries", "gallery", "unknown_films")


def cell(value: float | None, digits: int = 4) -> str:
    """A number, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"


def print_metrics(metrics: Mapping[str, float | None], console: Console | None = None) -> None:
    """Print flat metrics as a table: a row a metric; chance, frozen and lift beside its value."""
    console = console or Console()
    splits = list(dict.fromkeys(key.split("/", 1)[0] for key in metrics))
    for split in splits:
        inner = {key.split("/", 1)[1]: value for key, value in metrics.items() if key.startswith(f"{split}/")}
        title = split
        if "queries" in inner:
            title += f": {inner['queries'] or 0:,.0f} queries in {inner.get('gallery') or 0:,.0f} posters"
        table = Table("metric", "value", *COLUMNS, title=title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        for name, value in sorted(inner.items(), key=lambda item: (item[0].count("/"), item[0] != "ndcg@10")):
            if name.rpartition("/")[2] not in BESIDE:
                table.add_row(
                    name, cell(value), *(cell(inner.get(f"{name}/{c}"), 2 if c == "lift" else 4) for c in COLUMNS)
                )
        console.print(table)


def print_check(posters: int, counts: Mapping[str, int], duplicates: int, faults: pd.DataFrame) -> None:
    """Print what a check of a catalogue found."""
    console = Console()
    genres = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda item: -item[1]))
    console.print(f"{posters:,} posters can be used; {duplicates} of them are near-duplicates of another one")
    console.print(f"{len(counts)} genres: {genres}", highlight=False)
    if len(faults):
        table = Table(*map(str, faults.columns), title=f"{len(faults)} cannot be used", title_justify="left")
        for row in faults.itertuples(index=False):
            table.add_row(*map(str, row))
        console.print(table)
