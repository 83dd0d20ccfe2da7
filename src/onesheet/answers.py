"""What a search found, for people: a table on standard output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from onesheet.tables import cell


def print_neighbours(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what a search found: rank, cosine, id, title, year, genres."""
    query = found["query"]
    name = query.get("image") or " ".join(filter(None, [query["id"], query["title"], _brackets(query["year"])]))
    table = Table("", "cosine", "id", "title", "year", "genres", title=Text(f"like {name}"), title_justify="left")
    for place, poster in enumerate(found["neighbours"], 1):
        year = str(poster["year"] or "")
        table.add_row(
            str(place), cell(poster["score"], 3), poster["id"], poster["title"], year, ", ".join(poster["genres"])
        )
    (console or Console()).print(table, markup=False)


def print_explanation(found: Mapping[str, Any], picture: Path | None, console: Console | None = None) -> None:
    """Print how the similarity of two posters adds up, and where the picture is."""
    console = console or Console()
    table = Table("poster", "constant", "its regions", "elsewhere", "residual", "cosine", title_justify="left")
    table.title = Text(found["method"])
    for poster in found["posters"]:
        name = poster.get("image") or " ".join(filter(None, [poster["id"], poster["title"], _brackets(poster["year"])]))
        sums = [poster["constant"], poster["sum_of_parts"], poster["unplaced"], poster["residual"]]
        table.add_row(name, *(f"{round(value, 4) + 0.0:+.4f}" for value in sums), f"{found['similarity']:.4f}")
    console.print(table, markup=False)
    console.print(f"constant: {found['constant_is']}", highlight=False, markup=False)
    if picture is not None:
        console.print(str(picture), highlight=False, markup=False, soft_wrap=True)


def _brackets(year: int | None) -> str:
    return f"({year})" if year else ""
