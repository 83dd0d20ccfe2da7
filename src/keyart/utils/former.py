"""Former names in configurations and saved files, which stay readable for one version."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

#: Former keys, at any depth of a configuration or of a saved embedder's description, and their present names.
KEYS = {"bank_size": "multiscale_size", "seen": "frozen_features", "part_size": "branch_size"}
#: Former values of a key, and their present names.
VALUES = {"pooling": {"bank": "multiscale"}, "experiment": {"predecessor": "triplet_baseline"}}
#: Former names of modules in the keys of a state dict, and their present names.
MODULES = {"bank": "added_pooling", "seen": "frozen_features"}


def current_override(override: str, *, warn: bool = False) -> str:
    """Return an override with present names.

    Args:
        override: A key, or ``key=value``; the value may be a list of choices.
        warn: Whether to give a warning that names the present key or value.

    Examples:
        >>> current_override("model.seen.balance=0.5"), current_override("+experiment=predecessor,head")
        ('model.frozen_features.balance=0.5', '+experiment=triplet_baseline,head')
    """
    key, equals, value = override.partition("=")
    if key.lstrip("+~").startswith("model."):
        key = ".".join(KEYS.get(name, name) for name in key.split("."))
    for former, present in VALUES.get(re.split(r"[.+~]", key)[-1], {}).items():
        value = re.sub(rf"(?<![\w.-]){former}(?![\w.-])", present, value)
    found = f"{key}{equals}{value}"
    if warn and found != override:
        warnings.warn(f"{override} is deprecated: write {found} instead", FutureWarning, stacklevel=2)
    return found


def current_names(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested configuration or description with present names.

    Examples:
        >>> current_names({"model": {"pooling": "bank", "bank_size": [384, 264]}})
        {'model': {'pooling': 'multiscale', 'multiscale_size': [384, 264]}}
    """
    found: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            value = current_names(value)
        elif isinstance(value, str):
            value = VALUES.get(name, {}).get(value, value)
        found[KEYS.get(name, name)] = value
    return found


def rename_modules(state: dict[str, Any], prefix: str) -> None:
    """Give the entries of a state dict that belong to the module ``prefix`` their present names, in place.

    Examples:
        >>> state = {"head.seen.mean": 1, "head.learned.weight": 2}
        >>> rename_modules(state, "head.")
        >>> state
        {'head.learned.weight': 2, 'head.frozen_features.mean': 1}
    """
    for key in list(state):
        name, dot, rest = key.removeprefix(prefix).partition(".")
        if dot and key.startswith(prefix) and name in MODULES:
            state[f"{prefix}{MODULES[name]}.{rest}"] = state.pop(key)
