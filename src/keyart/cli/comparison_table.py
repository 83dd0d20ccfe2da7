"""Comparison of runs as a table for the terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyart.runs.compare import Comparison, Difference
from keyart.utils.bootstrap import SIGNS
from keyart.utils.tables import format_number
from keyart.utils.text import terminal

STYLES = {"better": "bold green", "worse": "bold red", "no difference": "dim"}


def print_comparison(found: Comparison, console: Console | None = None) -> None:
    """Print one line per metric and run: value, lift, and the difference from the first run with its interval.

    Numbers identify the runs, with a legend above the table, so that any number and length of names fits in 80 columns.
    """
    console = console or terminal()
    for at, (name, folder) in enumerate(zip(found.names, found.runs, strict=True), 1):
        console.print(f"{at}  {name}  {folder}", soft_wrap=True)
    title = f"test: {found.queries:,} queries in {found.gallery:,} posters"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("metric", overflow="fold")
    table.add_column("run")
    for head in ("value", "lift", f"difference from 1 [{found.level:.0%}]"):
        table.add_column(head, justify="right", no_wrap=True)
    for row in sorted(found.rows, key=lambda row: (row.metric.count("/"), "/ndcg" not in row.metric)):
        for at, (value, lift) in enumerate(zip(row.values, row.lifts, strict=True)):
            metric = row.metric.partition("/")[2] if at == 0 else ""
            text = _difference(row.differences[at]) if at else Text("")
            table.add_row(metric, str(at + 1), format_number(value), format_number(lift, 2), text)
        table.add_section()
    console.print(table)
    signs = ", ".join(f"{sign} {verdict}" for verdict, sign in SIGNS.items())
    console.print(f"{signs} by the paired bootstrap interval over queries")


def _difference(found: Difference | None) -> Text:
    if found is None:
        return Text("–")
    line = f"{SIGNS[found.verdict]} {found.value:+.3f} [{found.low:+.3f} {found.high:+.3f}]"
    return Text(line, style=STYLES[found.verdict])
