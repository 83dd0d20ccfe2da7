"""Reading of files that keyart wrote: of bounded size, checked against a schema, every fault an `InputError`."""

import errno
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyart.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

COPY_AGAIN = "copy the run again"
MOST_RECORD_BYTES = 256 << 20
"""Maximum size of a JSON, YAML or CSV file of a run; one of a million posters has a tenth of it."""

Schema = Mapping[str, Any]
"""Required keys; each value is a type, a union of types or the schema of a nested mapping."""


def read_bytes(path: Path, most: int = MOST_RECORD_BYTES) -> bytes:
    """Read a file of limited size; a larger one is not read at all.

    Raises:
        OSError: The file cannot be read, is larger than ``most`` bytes (``EFBIG``), or is no regular file: a pipe or a
            device could keep its reader waiting forever.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
    if content is None or len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most >> 20:,} MiB", str(path))
    return content


def check_regular(path: Path) -> None:
    """Check that a path is a regular file, or a link to one, before it is opened.

    Raises:
        OSError: It does not exist, or is a folder, a pipe, a socket or a device.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "no regular file, but a pipe or a device", str(path))


def read_json(path: Path, schema: Schema | None = None, *, fix: str = COPY_AGAIN) -> dict[str, Any]:
    """Read a JSON file that holds a mapping.

    Args:
        path: The file.
        schema: Required keys and the types of their values.
        fix: What the user can do about a damaged file.

    Raises:
        InputError: The file cannot be read, is not JSON, or does not match the schema; the message names it.
    """
    with faults_of(path, fix):
        return _checked(json.loads(read_bytes(path)), schema or {})


def read_yaml(path: Path, schema: Schema | None = None, *, fix: str = COPY_AGAIN) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; see `read_json`."""
    import yaml

    with faults_of(path, fix, yaml.YAMLError):
        return _checked(yaml.safe_load(read_bytes(path)), schema or {})


def read_frame(
    path: Path, read: "Callable[[Path], pd.DataFrame]", columns: Iterable[str], *, fix: str = COPY_AGAIN
) -> "pd.DataFrame":
    """Read a table by ``read``, such as `pandas.read_parquet`, and check that it has some columns.

    Raises:
        InputError: The file cannot be read, or a column is missing; the message names it.
    """
    with faults_of(path, fix):  # pyarrow's errors are among Python's
        table = read(path)
        if lacking := [name for name in columns if name not in table.columns]:
            raise ValueError(f"no column {lacking[0]}")
    return table


@contextmanager
def faults_of(path: Path, fix: str, *more: type[Exception]) -> Iterator[None]:
    """Convert whatever a parser raises about a file's content to an `InputError` that names the file.

    Args:
        path: The file.
        fix: What the user can do about it.
        more: Further exceptions of the parser.

    Raises:
        InputError: The block raised one of the exceptions.
    """
    usual = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, MemoryError)
    faults: tuple[type[Exception], ...] = (*usual, *more)
    try:
        yield
    except InputError:
        raise
    except faults as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        cause = f"no key {cause}" if isinstance(error, KeyError) else cause
        cause = cause.strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{path}: cannot be read ({cause[:200]}); {fix}") from error


def _checked(content: Any, schema: Schema) -> dict[str, Any]:
    if fault := _fault(content, schema):
        raise ValueError(fault)
    return dict(content)


def _fault(content: Any, schema: Schema, place: str = "") -> str | None:
    """Return the first difference between a value and its schema; None if there is none."""
    if not isinstance(content, dict):
        return f"{place or 'it'} is no mapping of keys to values"
    for key, kind in schema.items():
        name = f"{place}.{key}" if place else key
        if key not in content:
            return f"it has no key {name}"
        if isinstance(kind, Mapping):
            if fault := _fault(content[key], kind, name):
                return fault
        elif not isinstance(content[key], kind):
            return f"{name} is {type(content[key]).__name__}"
    return None
