"""Paths: the cache folder, home folders, configuration paths, and the project's former name."""

import os
import warnings
from os import PathLike
from pathlib import Path

#: The project's name until version 0.1. Files and settings under this name stay readable for one version.
FORMER_NAME = "onesheet"


def expand_home(text: str) -> str:
    """Expand ``~`` and ``~user`` at the start of a path; return the path unchanged if the user does not exist.

    Examples:
        >>> expand_home("~/posters") == str(Path.home() / "posters")
        True
    """
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        return text


def user_path(path: str | PathLike[str]) -> Path:
    """Return a path that a user named, with the home folder expanded; see `expand_home`.

    Examples:
        >>> user_path("~nobody_of_this_name/x").parts
        ('~nobody_of_this_name', 'x')
    """
    return Path(expand_home(str(path)))


def cache_root() -> Path:
    """Return the root folder of all caches.

    This is the environment variable ``KEYART_CACHE``, else ``~/.cache/keyart``. If only the former name exists
    (``ONESHEET_CACHE`` or ``~/.cache/onesheet``), that one is used; the variable gives a deprecation warning.

    Examples:
        >>> import os
        >>> before = os.environ.get("KEYART_CACHE")
        >>> os.environ["KEYART_CACHE"] = "somewhere"
        >>> cache_root().name
        'somewhere'
        >>> if before is not None:
        ...     os.environ["KEYART_CACHE"] = before
    """
    if named := environment("CACHE"):
        return Path(named).expanduser()
    own, former = (Path.home() / ".cache" / name for name in ("keyart", FORMER_NAME))
    return former if former.is_dir() and not own.exists() else own


def environment(name: str) -> str:
    """Return the environment variable ``KEYART_<name>``, else the one with the former name; empty if neither is set."""
    if value := os.environ.get(f"KEYART_{name}", ""):
        return value
    former = f"{FORMER_NAME.upper()}_{name}"
    if value := os.environ.get(former, ""):
        warnings.warn(f"{former} is deprecated: set KEYART_{name} instead", FutureWarning, stacklevel=3)
    return value


#: Configuration keys whose values are paths.
PATH_KEYS = ("data.catalogue", "data.images", "model.weights", "training.teacher")


def path_from(start: Path, key: str, value: object) -> object:
    """Resolve a configuration value that is a path relative to the folder where the program started.

    Args:
        start: The folder where the program started.
        key: One of `PATH_KEYS`.
        value: The configuration's value; a value that is not a path is returned unchanged.
    """
    no_path = value is None or (key == "model.weights" and value in ("pretrained", "none"))
    return value if no_path else str(start / expand_home(str(value)))
