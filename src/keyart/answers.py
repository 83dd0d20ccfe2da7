"""What a search found, for people: a table on standard output."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyart.tables import cell


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


def print_candidates(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a viewer's interests, and the films that suit them: rank, score, film, and the watched one behind it."""
    console = console or Console()
    if "user" in found:
        console.print(f"user {found['user']}: {found['known_films']} known films", highlight=False, markup=False)
        _print_unknown(found, console)
    interests = Table("interest", "share", "films", "stands for it", title="interests", title_justify="left")
    for place, one in enumerate(found["interests"], 1):
        interests.add_row(str(place), f"{one['weight']:.0%}", str(one["films"]), Text(_name(one["medoid"])))
    console.print(interests)
    table = Table("", "score", "id", "film", "genres", "because of", title="candidates", title_justify="left")
    for place, film in enumerate(found["candidates"], 1):
        name, reason = Text(_title(film)), Text(_name(film["because"]))
        table.add_row(str(place), cell(film["score"], 3), film["id"], name, ", ".join(film["genres"]), reason)
    console.print(table)


def print_everybody(done: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what was done for all users of a history."""
    console = console or Console()
    told = f"{done['candidates']:,} candidates for {done['users']:,} users in {done['out']}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    console.print(f"{done['seconds_per_1000_users']:.2f} s per 1,000 users", highlight=False)
    if done["left_out"]:
        console.print(f"{done['left_out']:,} users have watched no known film: left out", highlight=False)
    _print_unknown(done, console)


def _print_unknown(found: Mapping[str, Any], console: Console) -> None:
    if found["unknown_films"]:
        more = ", …" if found["unknown_films"] > len(found["unknown"]) else ""
        told = f"{found['unknown_films']:,} films are not in the index: {', '.join(found['unknown'])}{more}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)


def _title(film: Mapping[str, Any]) -> str:
    return " ".join(filter(None, [film["title"], _brackets(film["year"])]))


def _name(film: Mapping[str, Any]) -> str:
    return _title(film) or str(film["id"])
