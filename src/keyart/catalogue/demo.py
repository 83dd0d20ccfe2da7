"""Optional import of `keyart_demo`, the generated demo posters, which need the extra ``[demo]``."""

import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from keyart.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


def missing_packages() -> list[str]:
    """Return the packages of the extra ``[demo]`` that are not installed, sorted."""
    try:
        stated = metadata.requires("keyart") or []
    except metadata.PackageNotFoundError:
        return []
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in stated if re.search(r"extra\s*==\s*.demo.", line)}
    return sorted(name for name in names if not _is_installed(name))


def check_demo() -> None:
    """Check that the demo posters can be drawn here.

    Raises:
        InputError: A package of the extra ``[demo]`` is not installed.
    """
    if missing := missing_packages():
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"the demo posters need {missing[0]}{more}, which the extra [demo] brings: pip install -e '.[demo]', or"
            " name posters of your own with data=posters data.catalogue=<table> data.images=<folder>"
        )


def demo_catalogue(n: int = 1200, progress: "Callable[[int, int], None] | None" = None) -> Path:
    """Draw the demo posters, unless they are already in the cache.

    Args:
        n: Number of posters.
        progress: Called with (drawn, total).

    Returns:
        The folder, with ``catalogue.csv`` and ``posters/``.

    Raises:
        InputError: A package of the extra ``[demo]`` is not installed, or the cache cannot be written.
    """
    check_demo()
    from keyart_demo.render import demo_catalogue as draw

    return draw(n=n, progress=progress)


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
