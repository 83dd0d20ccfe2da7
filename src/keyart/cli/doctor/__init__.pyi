from keyart.cli.doctor.caches import PARTS as PARTS
from keyart.cli.doctor.caches import cache_findings as cache_findings
from keyart.cli.doctor.caches import clear_cache as clear_cache
from keyart.cli.doctor.diagnosis import diagnose as diagnose
from keyart.cli.doctor.finding import Finding as Finding
from keyart.cli.doctor.finding import healthy as healthy
from keyart.cli.doctor.finding import size_text as size_text
from keyart.cli.doctor.table import print_findings as print_findings
