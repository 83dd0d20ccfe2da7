from keyart.cli.doctor.caches import PARTS as PARTS, cache_findings as cache_findings, clear_cache as clear_cache
from keyart.cli.doctor.diagnosis import diagnose as diagnose
from keyart.cli.doctor.finding import Finding as Finding, healthy as healthy, size_text as size_text
from keyart.cli.doctor.table import print_findings as print_findings
