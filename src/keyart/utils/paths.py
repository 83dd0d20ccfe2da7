"""The cache folder, and names from before the project was renamed."""

import os
import warnings
from pathlib import Path

#: The project's name until version 0.1: what was written under it stays readable for one version.
FORMER_NAME = "onesheet"


def expand_home(text: str) -> str:
    """Expand ``~`` and ``~user`` at the start of a path; a user that does not exist stays as written.

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


def cache_root() -> Path:
    """Return the folder of all caches.

    It is the environment variable ``KEYART_CACHE``, else ``~/.cache/keyart``. Where only a folder under the former
    name exists (``ONESHEET_CACHE`` or ``~/.cache/onesheet``), that one is used, with a deprecation warning for the
    variable.

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
    """Return the variable ``KEYART_<name>``, else the one of the former name; empty where neither is set."""
    if value := os.environ.get(f"KEYART_{name}", ""):
        return value
    former = f"{FORMER_NAME.upper()}_{name}"
    if value := os.environ.get(former, ""):
        warnings.warn(f"{former} is deprecated: set KEYART_{name} instead", FutureWarning, stacklevel=3)
    return value


#: Keys whose values are paths.
PATH_KEYS = ("data.catalogue", "data.images", "model.weights")


def path_from(start: Path, key: str, value: object) -> object:
    """Return a path of the configuration, resolved from the folder in which the program was started.

    Args:
        start: That folder.
        key: One of `PATH_KEYS`.
        value: The configuration's; what is no path stays as it is.
    """
    no_path = value is None or (key == "model.weights" and value in ("pretrained", "none"))
    return value if no_path else str(start / expand_home(str(value)))
