"""Quoting of overrides: paths with characters that Hydra's grammar reserves, and ``~``."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from keyart.config.sweep_grid import parse
from keyart.errors import InputError
from keyart.utils.paths import PATH_KEYS, expand_home

#: Path keys that name one folder, even if the text contains commas.
FOLDER_KEYS = ("resume", "resume_sweep")
#: Path keys of Hydra itself.
HYDRA_PATH_KEYS = ("hydra.run.dir", "hydra.sweep.dir")


def key_of(override: str) -> str:
    """Return the key of an override, without its ``+`` or ``~``."""
    return override.partition("=")[0].lstrip("+~").strip()


def quote(text: str, *, literal: bool = False) -> str:
    """Quote a text so that Hydra reads it as one string.

    Args:
        text: Any text.
        literal: Whether ``${`` is part of the text, not an interpolation.

    Examples:
        >>> print(quote("/tmp/my (posters)/a=b,#1.csv"), quote("/tmp/it's"))
        '/tmp/my (posters)/a=b,#1.csv' "/tmp/it's"
    """
    if literal:
        text = text.replace("${", "\\${")
    mark = Quote.double if "'" in text and '"' not in text else Quote.single
    return QuotedString(text, mark).with_quotes()


def shell_quoted(key: str, value: str) -> str:
    """Return an override with its value quoted, as a user types it in a shell."""
    return shlex.quote(f"{key}={quote(value)}")


def value_of(override: str) -> str:
    """Return the value of an override with a single string, without its quotes."""
    (one,) = parse([override])
    value = one.value()
    return value if isinstance(value, str) else override.partition("=")[2]


def quote_paths(overrides: Sequence[str], *, multirun: bool) -> list[str]:
    """Quote the paths in overrides that Hydra would not read as paths, and expand ``~``.

    A path that Hydra reads correctly remains unchanged.
    """
    known = (*PATH_KEYS, *FOLDER_KEYS, *HYDRA_PATH_KEYS)
    return [_quoted_path(one, multirun) if "=" in one and key_of(one) in known else one for one in overrides]


def _quoted_path(override: str, multirun: bool) -> str:
    written, _, text = override.partition("=")
    key, text = key_of(override), text.strip()
    parsed = _parsed(override)
    value = None if parsed is None else parsed._value
    if isinstance(value, QuotedString):
        expanded = expand_home(value.text)
        return override if expanded == value.text else f"{written}={quote(expanded)}"
    if isinstance(value, str) or (parsed is not None and (value is None or _is_named_sweep(parsed))):
        return override
    if "," in text and key not in FOLDER_KEYS and not _exists(text):
        if parsed is not None and (multirun or key in HYDRA_PATH_KEYS):
            return override
        if key in PATH_KEYS and not multirun:
            raise InputError(
                f"{override}: there is no such file; a path that holds a comma is quoted, {shell_quoted(key, text)},"
                " and"
                " several paths need a sweep, -m"
            )
        if key in PATH_KEYS:
            pieces = [expand_home(piece.strip()) for piece in text.split(",")]
            several = ",".join(map(quote, pieces))
            if not all(map(_exists, pieces)):
                raise InputError(
                    f"{override}: holds a comma; quote one path as {shell_quoted(key, text)}, several as"
                    f" {shlex.quote(f'{key}={several}')}"
                )
            return f"{written}={several}"
    return f"{written}={quote(expand_home(text))}"


def _parsed(override: str) -> Override | None:
    try:
        return parse([override])[0]
    except HydraException:
        return None


def _is_named_sweep(override: Override) -> bool:
    """Check whether an override sweeps with a function such as ``choice(…)`` or ``glob(…)``, unlike any path."""
    return override.is_sweep_override() and not getattr(override._value, "simple_form", False)


def _exists(text: str) -> bool:
    return Path(expand_home(text)).exists()
