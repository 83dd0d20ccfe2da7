"""``onesheet doctor``: how this machine and this installation are, and how to mend what is not in order."""

from onesheet.doctor.caches import PARTS, cache_findings, clear_cache
from onesheet.doctor.examine import diagnose
from onesheet.doctor.finding import Finding, healthy, size_text
from onesheet.doctor.show import print_findings

__all__ = [
    "PARTS",
    "Finding",
    "cache_findings",
    "clear_cache",
    "diagnose",
    "healthy",
    "print_findings",
    "size_text",
]
