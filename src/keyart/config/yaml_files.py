"""Reading of the YAML files of conf/, each text once."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


def read_yaml(file: Path) -> Any:
    """Return the content of a YAML file; files of the same text share it, so it must not be changed."""
    return _parse(file.read_text(encoding="utf-8"))


@cache
def _parse(text: str) -> Any:
    return yaml.safe_load(text)
