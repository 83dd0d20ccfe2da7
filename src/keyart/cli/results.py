"""Results of search, explanation and recommendation as tables for the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from keyart.retrieval.random_pairs import percent
from keyart.runs.search import searched_text
from keyart.utils.tables import format_number
from keyart.utils.text import terminal

CLOSER_THAN = "closer than: share of random pairs of the index's posters with a lower cosine"


def print_neighbours(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print search results: rank, cosine and its percentile, id, title, year, genres."""
    console = console or terminal()
    query = found["query"]
    name = query.get("image") or " ".join(filter(None, [query["id"], query["title"], _brackets(query["year"])]))
    about = searched_text(len(found["neighbours"]), found["searched"], found["posters"])
    heads = ("", "cosine", "closer than", "id", "title", "year", "genres")
    table = Table(*heads, title=f"like {name}: {about}", title_justify="left")
    for place, poster in enumerate(found["neighbours"], 1):
        year = str(poster["year"] or "")
        measures = format_number(poster["score"], 3), percent(poster["closer_than"])
        table.add_row(str(place), *measures, poster["id"], poster["title"], year, ", ".join(poster["genres"]))
    console.print(table)
    console.print(CLOSER_THAN)


def print_explanation(found: Mapping[str, Any], picture: Path | None, console: Console | None = None) -> None:
    """Print the terms that sum to the similarity of two posters, and the path of the picture."""
    console = console or terminal()
    worth = f", closer than {percent(found['closer_than'])} of random pairs" if found["closer_than"] is not None else ""
    table = Table("poster", "baseline", "attributions", "non-spatial", "error", "cosine", title_justify="left")
    table.title = f"cosine {found['similarity']:.4f}{worth}"
    for poster in found["posters"]:
        name = poster.get("image") or " ".join(filter(None, [poster["id"], poster["title"], _brackets(poster["year"])]))
        sums = [poster[key] for key in ("baseline", "sum_of_attributions", "non_spatial", "approximation_error")]
        table.add_row(name, *(f"{round(value, 4) + 0.0:+.4f}" for value in sums), f"{found['similarity']:.4f}")
    console.print(table)
    if cues := found["cues"]:
        values = [cues["baseline"], *cues["parts"].values(), found["similarity"]]
        kinds = Table("baseline", *cues["parts"], "cosine", title="kinds of cue", title_justify="left")
        kinds.add_row(*(f"{round(value, 4) + 0.0:+.4f}" for value in values))
        console.print(kinds)
    reason = (
        "cosine = baseline + attributions + non-spatial + error, from each poster's side",
        f"baseline: {found['baseline_is']}",
        f"attributions: the sum over all {found['cell']} × {found['cell']}-pixel cells, by {found['method']}",
        "non-spatial: the attribution of features without a position, such as a class token",
        "error: of rounding or numerical integration",
        *([f"kinds of cue: cosine = baseline + their sum; baseline: {cues['baseline_is']}"] if cues else []),
    )
    for line in reason:
        console.print(line)
    if picture is not None:
        console.print(str(picture), soft_wrap=True)


def _brackets(year: int | None) -> str:
    return f"({year})" if year else ""


def print_candidates(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a user's interests, and the recommended films: rank, score, film, and the watched film behind each."""
    console = console or terminal()
    if "user" in found:
        console.print(f"user {found['user']}: {found['known_films']} known films")
        _print_unknown(found, console)
    interests = Table("interest", "share", "films", "stands for it", title="interests", title_justify="left")
    for place, one in enumerate(found["interests"], 1):
        interests.add_row(str(place), f"{one['weight']:.0%}", str(one["films"]), _name(one["medoid"]))
    console.print(interests)
    heads = ("", "score", "id", "film", "genres", "because of", "closer than")
    table = Table(*heads, title="candidates", title_justify="left")
    for place, film in enumerate(found["candidates"], 1):
        name, reason = _title(film), _name(film["because"])
        share = percent(film["because"]["closer_than"])
        table.add_row(
            str(place), format_number(film["score"], 3), film["id"], name, ", ".join(film["genres"]), reason, share
        )
    console.print(table)
    console.print(f"{CLOSER_THAN}, of a film and its because")


def print_batch_summary(done: Mapping[str, Any], console: Console | None = None) -> None:
    """Print a summary of the recommendations for all users of a history."""
    console = console or terminal()
    text = f"{done['candidates']:,} candidates for {done['users']:,} users in {done['out']}"
    console.print(text, soft_wrap=True)
    console.print(f"{done['seconds_per_1000_users']:.2f} s per 1,000 users")
    if done["left_out"]:
        console.print(f"{done['left_out']:,} users have watched no known film: left out")
    _print_unknown(done, console)


def _print_unknown(found: Mapping[str, Any], console: Console) -> None:
    if found["unknown_films"]:
        more = ", …" if found["unknown_films"] > len(found["unknown"]) else ""
        text = f"{found['unknown_films']:,} films are not in the index: {', '.join(found['unknown'])}{more}"
        console.print(text, soft_wrap=True)


def _title(film: Mapping[str, Any]) -> str:
    return " ".join(filter(None, [film["title"], _brackets(film["year"])]))


def _name(film: Mapping[str, Any]) -> str:
    return _title(film) or str(film["id"])
