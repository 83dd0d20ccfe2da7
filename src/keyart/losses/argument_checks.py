"""Checks of a loss's arguments; the error message names the key, the value and the allowed values."""

import math
from collections.abc import Sequence

from keyart.errors import InputError


def check_number(
    key: str, value: object, low: float, high: float = math.inf, *, above: bool = False, below: bool = False
) -> float:
    """Check that ``value`` is in [low, high] and return it as a finite float.

    ``above`` excludes ``low``, ``below`` excludes ``high``.

    Raises:
        InputError: ``value`` is not such a number.

    Examples:
        >>> check_number("gamma", 80, 0, above=True)
        80.0
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if fits:
        assert isinstance(value, int | float)
        fits = (value > low if above else value >= low) and (value < high if below else value <= high)
    if not fits:
        requested = f"above {low:g}" if above else f"of at least {low:g}"
        if high < math.inf:
            requested += f" and {'below' if below else 'at most'} {high:g}"
        raise InputError(f"loss.{key}={value}: takes a number {requested}")
    assert isinstance(value, int | float)
    return float(value)


def check_choice(key: str, value: object, choices: Sequence[object]) -> None:
    """Check that ``value`` is one of ``choices``.

    Raises:
        InputError: It is none of them.
    """
    # 1 equals True, but must not be accepted for it.
    if not any(value == one and type(value) is type(one) for one in choices):
        known = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in choices)
        raise InputError(f"loss.{key}={value}: unknown; choose one of {known}")
