"""Results of an evaluation on a history, for the terminal: a conclusion and two tables."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from keyart.runs.history_evaluation import DIFFERENCES, ROWS
from keyart.utils.bootstrap import SIGNS, verdict
from keyart.utils.tables import format_number
from keyart.utils.text import terminal

SETTINGS = {
    "all": "all films",
    "cold": "cold films",
    "test/cold": "cold films of the test split",
}
SHORT = {"all": "all", "cold": "cold", "test/cold": "cold test"}
"""Short names of the settings, so that the tables fit in 80 columns."""
DESCRIPTIONS = {
    "random": "a random order",
    "popularity": "popularity",
    "genres": "a taste profile over genres",
    "frozen": "a taste profile over the frozen backbone's features",
    "posters": "a taste profile over poster embeddings",
    "genres+posters": "a taste profile over genres ⊕ poster embeddings",
    "genres+frozen": "a taste profile over genres ⊕ frozen features",
    "ease": "EASE on interactions alone",
    "hybrid": "EASE beside poster embeddings",
}


def print_evaluation(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Print which model ranks best, then the values by row and setting, then the paired differences."""
    console = console or terminal()
    known = [setting for setting in SETTINGS if found.get(f"{setting}/users")]
    for setting in answered(known):
        console.print(answer(found, setting))
    console.print()
    for setting in known:
        users, gallery, liked = (found[f"{setting}/{name}"] for name in ("users", "gallery", "liked"))
        text = f"{SHORT[setting]}: {SETTINGS[setting]}; {users:,} users, {liked:,} liked films among {gallery:,.0f}"
        console.print(text)
    _print_values(found, known, console)
    _print_differences(found, known, console)
    text = f"{found['films']:,} films, {found['events']:,} events, {found['unknown_films']:,} unknown films"
    if found.get("rating_scale") is not None:
        text += f"; ratings on a scale up to {found['rating_scale']:g}, liked from {found['liked_from']:g} on"
    console.print(f"{text}; --json has every metric, cut-off and interval")


def answered(known: list[str]) -> list[str]:
    """Return the settings of the conclusion: all films, and cold films (of the test split if available).

    Examples:
        >>> answered(["all", "cold", "test/cold"])
        ['all', 'test/cold']
    """
    colder = [setting for setting in known if setting != "all"][-1:]
    return [setting for setting in known if setting == "all"] + colder


def answer(found: Mapping[str, Any], setting: str) -> str:
    """Describe in one sentence which model ranks a setting's films best, and by how much."""
    best = found[f"{setting}/best"]
    over = []
    for row, gap in best["over"].items():
        sure = "significantly" if gap["verdict"] == "better" else "not significantly"
        over.append(f"{sure} above {DESCRIPTIONS[row]} ({_interval(gap['difference'], gap)})")
    others = [DESCRIPTIONS[row] for row in best["as_good"] if row not in best["over"]]
    text = (
        f"Among {SETTINGS[setting]}, {DESCRIPTIONS[best['row']]} ranks best: {_metric(best['metric'])}"
        f" {_interval(best['value'], best, sign='')}"
    )
    text += "".join(f", {one}" for one in over)
    return text + (f"; not significantly better than {', '.join(others)}." if others else ".")


def _print_values(found: Mapping[str, Any], known: list[str], console: Console) -> None:
    """Print a table of models by settings with nDCG and recall, at the cut-off of the conclusion."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    columns = []
    for setting in known:
        cut = found[f"{setting}/best"]["metric"].partition("@")[2]
        for name in ("ndcg", "recall"):
            if f"{name}@{cut}" not in found[f"{setting}/left_out"]:
                columns.append(f"{setting}/{name}@{cut}")
                head = f"{SHORT[setting]}\n{_metric(name)}\n@{cut}"
                table.add_column(head, justify="right", no_wrap=True)
    for row in ROWS:
        values = [found[f"{column}/{row}"] for column in columns]
        if any(value is not None for value in values):
            table.add_row(row, *(format_number(value) for value in values))
    console.print(table)


def _print_differences(found: Mapping[str, Any], known: list[str], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for head in ("films", "paired difference", "nDCG, 95% interval"):
        table.add_column(head, no_wrap=True)
    for setting in known:
        metric = found[f"{setting}/best"]["metric"]
        for at, pair in enumerate(DIFFERENCES):
            key = f"{setting}/{metric}/{'-'.join(pair)}"
            if found.get(key) is not None:
                gap = {"low": found[f"{key}/low"], "high": found[f"{key}/high"]}
                sign = "" if gap["low"] is None else SIGNS[verdict(gap["low"], gap["high"])] + " "
                name = SHORT[setting] if at == 0 else ""
                table.add_row(name, " − ".join(pair), sign + _interval(found[key], gap))
        table.add_section()
    console.print(table)


def _metric(name: str) -> str:
    return name.replace("ndcg", "nDCG")


def _interval(value: float, ends: Mapping[str, Any], sign: str = "+") -> str:
    low, high = ends["low"], ends["high"]  # None: of a single user
    text = f"{value:{sign}.3f}"
    return text if low is None or high is None else f"{text} [{low:{sign}.3f}, {high:{sign}.3f}]"
