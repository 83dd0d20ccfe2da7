"""Numbers in tables for people."""


def cell(value: float | None, digits: int = 4) -> str:
    """A number, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"
