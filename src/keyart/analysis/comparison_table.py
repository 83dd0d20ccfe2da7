"""A comparison of runs as a table for people."""

from rich import box
from rich.console import Console
from rich.table import Table

from keyart.analysis.compare import Comparison, Difference
from keyart.tables import cell


def print_comparison(found: Comparison, console: Console | None = None) -> None:
    """Print runs side by side: value (lift), and for all but the first the difference from it with its interval."""
    console = console or Console()
    title = (
        f"test: {found.queries:,} queries in {found.gallery:,} posters; value (lift), difference [{found.level:.0%}]"
    )
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("metric", overflow="fold")
    for at, name in enumerate(found.names):
        table.add_column(f"{at + 1} {name}", justify="right", no_wrap=True)
        if at:
            table.add_column(f"{at + 1} − 1", justify="right", no_wrap=True)
    for row in sorted(found.rows, key=lambda row: (row.metric.count("/"), "/ndcg" not in row.metric)):
        cells = [row.metric.partition("/")[2]]
        for at, (value, lift) in enumerate(zip(row.values, row.lifts, strict=True)):
            cells.append(f"{cell(value)} ({cell(lift, 2)})")
            if at:
                cells.append(_difference(row.differences[at]))
        table.add_row(*cells)
    console.print(table)
    for at, folder in enumerate(found.runs):
        console.print(f"{at + 1}  {folder}", highlight=False, markup=False, soft_wrap=True)
    console.print("*  significant: zero lies outside the paired bootstrap interval over queries", highlight=False)


def _difference(found: Difference | None) -> str:
    if found is None:
        return "–"
    star = "*" if found.significant else " "
    return f"{found.value:+.3f} [{found.low:+.3f} {found.high:+.3f}]{star}"
