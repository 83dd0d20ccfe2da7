"""Findings of ``keyart doctor``: one per checked component."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "absent", "fault"]


@dataclass(frozen=True)
class Finding:
    """State of one checked component.

    Args:
        name: Name of the component.
        state: ``ok``; ``absent``: missing, but only some uses need it; ``fault``: present, but broken.
        detail: Result of the check, in one line.
        fix: How to fix or change it, in one line; empty if there is nothing to do.
        required: Whether keyart cannot work without it.
        values: The result as plain values, for programs.
    """

    name: str
    state: State
    detail: str
    fix: str = ""
    required: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """Whether this finding prevents keyart from working."""
        return self.required and self.state != "ok"

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values for JSON."""
        return asdict(self)


def healthy(findings: Iterable[Finding]) -> bool:
    """Return whether every required component is in order.

    >>> healthy([Finding("SLURM", "absent", "no sbatch"), Finding("Python", "ok", "3.12", required=True)])
    True
    >>> healthy([Finding("torch", "absent", "not installed", required=True)])
    False
    """
    return not any(finding.broken for finding in findings)


def size_text(count: int) -> str:
    """Format a number of bytes with a binary unit.

    >>> size_text(0), size_text(1536), size_text(3 * 2**30)
    ('0 B', '1.5 KiB', '3.0 GiB')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
