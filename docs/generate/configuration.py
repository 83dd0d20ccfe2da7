"""The page of configuration keys, from the files in conf/ and the rules that check them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from generate.markdown import code, literal, plain, section, table
from keyart.config.compose import CONFIG_FOLDER
from keyart.config.help import head_comment, key_comments
from keyart.config.nodes import package_of
from keyart.config.rules import MINER_RULES, RULES, nonempty_text, show
from keyart.config.shorthand import options_of

HEADINGS = ("key", "type and range", "default", "what it is")
HIDDEN = ("defaults", "hydra", "about", "build", "needs", "_partial_")
KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list", type(None): "–"}
TITLES = {
    "data": "Posters",
    "model": "Models",
    "head": "Heads",
    "loss": "Losses",
    "miner": "Miners",
    "hydra/launcher": "Launchers of sweeps",
    "hydra/sweeper": "Searches",
}


def pages() -> dict[str, str]:
    """Return the page ``configuration``: every key of conf/ with its type, range, default and meaning."""
    intro = (
        "`python train.py key=value …` sets keys; `group=option` chooses a file of `conf/<group>/`. A value out of its"
        " range is refused before anything is built. Where no range stands, the object that receives the value checks"
        " it. `python train.py --help` prints the composed whole."
    )
    train = CONFIG_FOLDER / "train.yaml"
    defaults = yaml.safe_load(train.read_text(encoding="utf-8"))["defaults"]
    chosen = {key: option for one in defaults if isinstance(one, dict) for key, option in one.items()}
    groups = [key for key in chosen if "/" not in key and " " not in key and key not in ("experiment", "debug")]
    return {
        "configuration": section("Configuration keys", intro, level=1)
        + section("Keys of every training", table(HEADINGS, _rows(train, "")))
        + "".join(_group(group, str(chosen[group])) for group in groups)
        + "".join(_group(group, "") for group in ("hydra/launcher", "hydra/sweeper"))
        + "".join(_presets(group) for group in ("experiment", "debug"))
    }


def _group(group: str, chosen: str) -> str:
    parts = []
    for option in options_of(group):
        file = CONFIG_FOLDER / group / f"{option}.yaml"
        rows = [row for row in _rows(file, package_of(file, group).replace("/", ".")) if not row[0].endswith(".name`")]
        mark = " (default)" if option == chosen else ""
        link = (
            f" [Formula and picture]({'../pml' if option == 'pml' else f'loss-{option}'}.md)."
            if group == "loss"
            else ""
        )
        comment = literal(head_comment(file))
        parts.append(plain(f"**`{group}={option}`**{mark}{': ' if comment else ''}{comment}{link}"))
        parts.append(table(HEADINGS, rows) if rows else "")
    return section(TITLES.get(group, group.capitalize()), *parts)


def _presets(group: str) -> str:
    rows = [
        (f"`{group}={name}`", literal(head_comment(CONFIG_FOLDER / group / f"{name}.yaml")))
        for name in options_of(group)
    ]
    return section({"experiment": "Experiments", "debug": "Debugging"}[group], table(["option", "what it is"], rows))


def _rows(file: Path, package: str) -> Iterator[tuple[str, ...]]:
    content: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    comments = dict(key_comments(file, package))
    margin = (content.get("about") or {}).get("range")
    for key, value in _leaves(content, package):
        bounds = (
            f"a number from {margin[0]:g} to {margin[1]:g}" if margin and key == "loss.margin" else _range(key, content)
        )
        default = "–" if value == "???" else code(show(value) if not isinstance(value, str) else value)
        typed = re.sub("^an? (?=whole number|number)", "", bounds)
        kind = "" if typed != bounds else _kind(value)
        yield f"`{key}`", ": ".join(filter(None, (kind, typed))), default, literal(comments.get(key, ""))


def _leaves(content: Mapping[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        dotted = f"{key}.{name}" if key else name
        if name in HIDDEN or name.startswith("_"):
            continue
        # The terms of a sum are whole losses, with pages of their own.
        if isinstance(value, Mapping) and value and name != "terms":
            yield from _leaves(value, dotted)
        elif not isinstance(value, Mapping):
            yield dotted, value


def _range(key: str, content: Mapping[str, Any]) -> str:
    """Return the valid values: what a rule says about something that is never valid; nothing where any value is."""
    group, _, name = key.partition(".")
    rules = MINER_RULES.get(content.get("name", ""), {}) if group == "miner" else {}
    rule = rules.get(name) or RULES.get(key)
    said = rule(object()) or "" if rule is not None and rule is not nonempty_text else ""
    return "" if said == "one of True, False" else said


def _kind(value: Any) -> str:
    return "" if value is None or value == "???" else KINDS[type(value)]
