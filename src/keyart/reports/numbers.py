"""Numbers as text, in pages and on the command line."""

import math
from collections.abc import Mapping


def number(value: float | None, digits: int = 3) -> str:
    """Format a number with a fixed number of digits; a dash if it is undefined.

    Examples:
        >>> number(0.29813), number(-0.5, 1), number(None)
        ('0.298', '−0.5', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def percent(value: float | None) -> str:
    """Format a share as a percentage.

    Examples:
        >>> percent(0.4843), percent(None)
        ('48.4%', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.1%}"


def thousands(value: float) -> str:
    """Format a count with separators.

    Examples:
        >>> thousands(12345), thousands(3.0)
        ('12,345', '3')
    """
    return f"{value:,.0f}"


def interval(one: Mapping[str, float | None]) -> str:
    """Format the ends of a mean's interval."""
    return f"{number(one['low'])} to {number(one['high'])}"
