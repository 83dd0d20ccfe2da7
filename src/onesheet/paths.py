"""Where onesheet keeps what it can make again."""

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of all caches: the environment variable ``ONESHEET_CACHE``, else ``~/.cache/onesheet``.

    Examples:
        >>> import os
        >>> before = os.environ.get("ONESHEET_CACHE")
        >>> os.environ["ONESHEET_CACHE"] = "somewhere"
        >>> cache_root().name
        'somewhere'
        >>> os.environ.pop("ONESHEET_CACHE") and cache_root().parts[-2:]
        ('.cache', 'onesheet')
        >>> if before is not None:
        ...     os.environ["ONESHEET_CACHE"] = before
    """
    named = os.environ.get("ONESHEET_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "onesheet"
