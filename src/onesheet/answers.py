"""What a search found, for people: a table on standard output."""

from collections.abc import Mapping
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


def _brackets(year: int | None) -> str:
    return f"({year})" if year else ""
