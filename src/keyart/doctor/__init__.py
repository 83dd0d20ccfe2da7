"""``keyart doctor``: how this machine and this installation are, and how to mend what is not in order."""

from keyart.doctor.caches import PARTS, cache_findings, clear_cache
from keyart.doctor.examine import diagnose
from keyart.doctor.finding import Finding, healthy, size_text
from keyart.doctor.show import print_findings

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
