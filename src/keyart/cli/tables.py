"""Tables of metrics and of checks for the terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from keyart.utils.tables import format_number
from keyart.utils.text import terminal

if TYPE_CHECKING:
    from keyart.images.check import CheckResult

COLUMNS = ("chance", "frozen", "lift")
#: Last parts of keys that are not metrics themselves.
BESIDE = (*COLUMNS, "left_out", "queries", "gallery", "unknown_films", "rows", "skipped", "rating_scale", "liked_from")


def print_metrics(metrics: Mapping[str, float | None], console: Console | None = None) -> None:
    """Print flat metrics as a table: one row per metric, with value, chance, frozen and lift."""
    console = console or terminal()
    splits = list(dict.fromkeys(key.split("/", 1)[0] for key in metrics))
    for split in splits:
        inner = {key.split("/", 1)[1]: value for key, value in metrics.items() if key.startswith(f"{split}/")}
        title = split
        if "queries" in inner:
            title += f": {inner['queries'] or 0:,.0f} queries in {inner.get('gallery') or 0:,.0f} posters"
        table = Table("metric", "value", *COLUMNS, title=title, title_justify="left")
        for column in table.columns[1:]:
            column.justify = "right"
        inner = {name: value for name, value in inner.items() if not name.startswith(("branch/", "without/"))}
        for name, value in sorted(inner.items(), key=lambda item: item[0].count("/")):
            if name.rpartition("/")[2] not in BESIDE:
                table.add_row(
                    name,
                    format_number(value),
                    *(format_number(inner.get(f"{name}/{c}"), 2 if c == "lift" else 4) for c in COLUMNS),
                )
        console.print(table)
        _print_branches(metrics, split, console)


def _print_branches(metrics: Mapping[str, float | None], split: str, console: Console) -> None:
    """Print the contribution of each branch of the embedding, with one sentence about it."""
    from keyart.reports.branches import branch_scores, credit

    scores = branch_scores(metrics, split)
    if not scores:
        return
    heads = ("alone: ndcg@10", "lift", "without it: ndcg@10", "lift")
    table = Table("branch", *heads, title=f"{split}: contribution of each branch", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in scores:
        values = (one.alone, 4), (one.alone_lift, 2), (one.without, 4), (one.without_lift, 2)
        table.add_row(one.branch, *(format_number(value, digits) for value, digits in values))
    console.print(table)
    console.print(credit(metrics, split), highlight=False)


def print_check(found: "CheckResult", console: Console | None = None) -> None:
    """Print the results of a catalogue check."""
    console = console or terminal()
    genres = ", ".join(f"{name} {n:,}" for name, n in sorted(found.genres.items(), key=lambda item: -item[1]))
    console.print(str(found.account), highlight=False)
    console.print(
        f"{found.posters:,} posters can be used; {found.near_duplicates} of them are near-duplicates of another one",
        highlight=False,
    )
    console.print(f"{len(found.genres)} genres: {genres}")
    console.print(
        f"a split by single posters (70% train, 20% test) would show the test {found.leak:.2f} pictures of training, on"
        " average; splits here keep them together",
        highlight=False,
    )
    for name, faults, most in (("problem", found.problems, 1000), ("remark", found.remarks, 5)):
        if not len(faults):
            continue
        title = name if len(faults) == 1 else f"{name}s"
        counts = ", ".join(f"{n:,} {kind}" for kind, n in faults["kind"].value_counts().items())
        table = Table(*map(str, faults.columns), title=f"{len(faults):,} {title}: {counts}", title_justify="left")
        for _, rows in faults.groupby("kind", sort=False):
            for row in rows.head(most).itertuples(index=False):
                table.add_row(*map(str, row))
        console.print(table)
        if any(faults["kind"].value_counts() > most):
            console.print(f"at most {most} of a kind are shown; --json lists all")
