"""The text of ``train.py --help``: every key with its value and its comment in conf/, and all options."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from keyart.config.compose import CONFIG_FOLDER, compose_all
from keyart.config.nodes import package_of
from keyart.config.shorthand import expand_shorthand, options_of

_WIDTH = 120
_COMMENT_AT = 34
#: libyaml is ten times as fast, but not available on every machine.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Keys of an option's file that are for keyart itself, not for its readers.
_HIDDEN = ("about", "build", "needs", "_partial_")


def help_text(overrides: Sequence[str] = (), config_folder: Path = CONFIG_FOLDER) -> str:
    """Return the whole help text, with the configuration of the overrides."""
    config = compose_all(expand_shorthand(overrides, config_folder), config_folder)[0]
    content: Any = OmegaConf.to_container(config, resolve=False)
    hydra = content.pop("hydra")
    choices = {key: option for key, option in hydra["runtime"]["choices"].items() if not key.startswith("hydra/")}
    # Hydra records no choice where several options of a group are chosen.
    choices["logger"] = list(content.get("logger") or {})
    files = list(_files(choices, config_folder))
    comments: dict[str, str] = {}
    for package, file in files:
        comments |= dict(key_comments(file, package))
    parts = [
        hydra["help"]["header"].rstrip(),
        "Choose an option of a group by <group>=<option>; * is chosen now.\n" + _groups(choices, config_folder),
        "Experiments, experiment=<name>:\n" + _presets("experiment", config_folder),
        "Quick runs that look for mistakes, debug=<name>:\n" + _presets("debug", config_folder),
        "Set a key by its dotted name, such as training.head_epochs=20.\n"
        + "\n".join(_lines(content, comments, dict(_heads(choices, files)))),
        hydra["help"]["footer"].rstrip(),
    ]
    return "\n\n".join(parts) + "\n"


def head_comment(file: Path) -> str:
    """Return the comment at the top of a YAML file, as one line."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            lines.append(line.lstrip("# "))
    return " ".join(lines)


def key_comments(file: Path, package: str) -> Iterator[tuple[str, str]]:
    """Yield each dotted key of a YAML file that has a comment on its line, with the comment.

    Args:
        file: The file.
        package: The dotted key of its content in the configuration; empty for the top level.
    """
    text = file.read_text(encoding="utf-8")
    root = yaml.compose(text, _LOADER)
    if isinstance(root, yaml.MappingNode):
        yield from _node_comments(root, package, text.splitlines())


def _node_comments(node: yaml.MappingNode, package: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for key, value in node.value:
        dotted = f"{package}.{key.value}" if package else str(key.value)
        inner = isinstance(value, yaml.MappingNode) and not value.flow_style
        # An omitted value ends where the next key begins.
        ends_here = not inner and value.end_mark.line == key.end_mark.line
        rest = lines[key.end_mark.line][value.end_mark.column if ends_here else key.end_mark.column :]
        _, mark, comment = rest.partition("# ")
        if mark and comment.strip():
            yield dotted, comment.strip()
        if inner:
            yield from _node_comments(value, dotted, lines)


def _files(choices: Mapping[str, Any], config_folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of which a configuration is composed, each with the key of its content."""
    yield "", config_folder / "train.yaml"
    for choice, options in choices.items():
        group, _, package = choice.partition("@")
        for option in options if isinstance(options, list) else [options]:
            file = config_folder / group / f"{option}.yaml"
            if file.is_file():
                yield package or package_of(file, group), file


def _heads(choices: Mapping[str, Any], files: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, str]]:
    """Yield the key of each chosen option, with the comment at the top of its file."""
    for package, file in files:
        if package and (comment := head_comment(file)):
            yield package, f"{file.parent.name}={file.stem}: {comment}"


def _groups(choices: Mapping[str, Any], config_folder: Path) -> str:
    found = []
    for folder in sorted(path for path in config_folder.iterdir() if path.is_dir()):
        if folder.name in ("hydra", "experiment", "debug"):
            continue
        chosen = choices.get(folder.name)
        chosen = chosen if isinstance(chosen, list) else [chosen]
        names = [f"{name}*" if name in chosen else name for name in options_of(folder.name, config_folder)]
        found.append(_wrapped(f"  {folder.name:<12}", ", ".join(names)))
    for group in ("launcher", "sweeper"):
        names = options_of(f"hydra/{group}", config_folder)
        found.append(_wrapped(f"  {f'hydra/{group}':<16}", ", ".join(names)))
    return "\n".join(found)


def _presets(group: str, config_folder: Path) -> str:
    names = options_of(group, config_folder)
    return "\n".join(_wrapped(f"  {name:<17}", head_comment(config_folder / group / f"{name}.yaml")) for name in names)


def _wrapped(label: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label))


def _lines(
    content: Mapping[str, Any], comments: Mapping[str, str], heads: Mapping[str, str], prefix: str = ""
) -> Iterator[str]:
    """Yield the lines of a mapping as YAML, with comments."""
    depth = prefix.count(".")
    for name, value in content.items():
        key, indent = f"{prefix}{name}", "  " * depth
        if name in _HIDDEN:
            continue
        if key in heads:
            yield from textwrap.wrap(heads[key], _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if isinstance(value, Mapping):
            shown = f"{indent}{name}:"
            yield _with_comment(shown, comments.get(key))
            yield from _lines(value, comments, heads, f"{key}.")
        else:
            yield _with_comment(f"{indent}{name}: {_value(value)}", comments.get(key))


def _with_comment(shown: str, comment: str | None) -> str:
    return f"{shown:<{_COMMENT_AT}}  # {comment}" if comment else shown


def _value(value: Any) -> str:
    return "[]" if value == [] else yaml.safe_dump(value, default_flow_style=True, width=1000).partition("\n")[0]
