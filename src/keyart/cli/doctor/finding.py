"""What an examination of this machine tells: one finding a thing looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "absent", "fault"]


@dataclass(frozen=True)
class Finding:
    """How one thing is.

    Args:
        name: What was looked at.
        state: ``ok``; ``absent``: not there, and only some uses need it; ``fault``: there, but broken.
        detail: What was found, in one line.
        mend: What to do about it, or how to change it, in one line; empty where there is nothing to do.
        required: Without it keyart does not work.
        values: The same for programs.
    """

    name: str
    state: State
    detail: str
    mend: str = ""
    required: bool = False
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """Whether keyart cannot work because of this."""
        return self.required and self.state != "ok"

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return asdict(self)


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether everything that keyart needs is in order.

    >>> healthy([Finding("SLURM", "absent", "no sbatch"), Finding("Python", "ok", "3.12", required=True)])
    True
    >>> healthy([Finding("torch", "absent", "not installed", required=True)])
    False
    """
    return not any(finding.broken for finding in findings)


def size_text(count: int) -> str:
    """A number of bytes as one reads it.

    >>> size_text(0), size_text(1536), size_text(3 * 2**30)
    ('0 B', '1.5 KiB', '3.0 GiB')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
