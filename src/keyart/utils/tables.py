"""Number formatting for printed tables."""


def format_number(value: float | None, digits: int = 4) -> str:
    """Format a number; a missing one becomes a dash."""
    return "–" if value is None else f"{value:.{digits}f}"
