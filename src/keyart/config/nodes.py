"""Check of the keys of conf/ that have subkeys: none may be null or a plain value."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keyart.config.yaml_files import read_yaml
from keyart.errors import InputError


def check_nodes(config: Mapping[str, Any], choices: Mapping[str, Any], config_folder: Path) -> None:
    """Check that every key with subkeys in conf/ is a mapping in a configuration too."""
    for key, inner in nodes_of(choices, config_folder):
        value: Any = config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if not isinstance(value, Mapping):
            text = "null" if value is None else value
            raise InputError(f"{key}={text}: a run needs {key}, which holds {', '.join(inner)}; leave it out")


def package_of(file: Path, group: str) -> str:
    """Return the dotted key of the content of a group's file; empty for the top level."""
    if not file.is_file():
        return group
    header = re.match(r"# @package (\S+)", file.read_text(encoding="utf-8"))
    return group if header is None else header[1].replace("_global_", "")


def nodes_of(choices: Mapping[str, Any], config_folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each dotted key that has subkeys, with their names.

    The keys come from ``train.yaml`` and the files of the chosen options. ``logger`` is excluded, because it is
    optional.
    """
    files = [("", config_folder / "train.yaml")]
    for choice, option in choices.items():
        group, _, package = choice.partition("@")
        if isinstance(option, str) and group.partition("/")[0] not in ("hydra", "experiment", "debug", "logger"):
            file = config_folder / group / f"{option}.yaml"
            files.append((package or package_of(file, group), file))
    for package, file in files:
        content = read_yaml(file) if file.is_file() else None
        if isinstance(content, dict):
            own = {name: value for name, value in content.items() if name not in ("hydra", "defaults")}
            yield from _nodes(package, own)


def _nodes(key: str, content: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    if key:
        yield key, list(content)
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _nodes(f"{key}.{name}".lstrip("."), value)
