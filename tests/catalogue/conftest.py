"""Fixtures that write a table and (empty) image files: reading a table never opens an image."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from keyart.catalogue.catalogue import Catalogue
from keyart.catalogue.problems import Problem
from keyart.catalogue.reader import read_catalogue


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path


@pytest.fixture
def read(folder) -> Callable[..., tuple[Catalogue, list[Problem]]]:
    """Write a table, create empty files, and read the table: ``read(text_or_bytes, files, name="t.csv")``."""

    def write_and_read(table: str | bytes, files: Iterable[str] = (), name: str = "t.csv"):
        data = table.encode() if isinstance(table, str) else table
        (folder / name).write_bytes(data)
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
        return read_catalogue(folder / name)

    return write_and_read
