"""Findings as a table for the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from keyart.cli.doctor.finding import Finding, healthy
from keyart.utils.text import printable, terminal

_STYLES = {"ok": "green", "absent": "yellow", "fault": "bold red"}


def print_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print findings as a table on standard output, followed by whether keyart will work."""
    console = console or terminal()
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in findings:
        found = Text(printable(finding.detail))
        if finding.fix:
            found.append(f"\n→ {printable(finding.fix)}", "dim" if finding.state == "ok" else "bold")
        table.add_row(Text(finding.state, _STYLES[finding.state]), Text(finding.name, no_wrap=True), found)
    console.print(table)
    if healthy(findings):
        console.print("\nEverything that keyart needs is installed and works.")
    else:
        broken = ", ".join(finding.name for finding in findings if finding.broken)
        console.print(f"\nkeyart will not work until this is fixed: {broken}.")
