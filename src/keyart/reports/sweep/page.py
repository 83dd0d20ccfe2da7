"""``sweep.html``: the whole sweep on one self-contained page."""

from pathlib import Path

from keyart.reports.html import environment, load_macros
from keyart.reports.page import build_credits, build_page
from keyart.runs.run import read_environment
from keyart.runs.sweep.comparison import format_value
from keyart.runs.sweep.summary import Summary
from keyart.utils.files import write_text
from keyart.utils.text import Markup

FILE = "sweep.html"
_TITLES = {"curves": "Curves", "choice": "Which value is best", "effects": "What each key does", "jobs": "Jobs"}


def write_page(summary: Summary, chart: str, note: str, folder: Path) -> Path:
    """Write ``sweep.html``."""
    sweep = summary.sweep
    environment().filters["setting"] = format_value
    # Links to the jobs' own reports are relative, so that the folder can move.
    parts = load_macros("sweep.html.j2", summary=summary, chart=Markup(chart), note=note)
    sections = ((name, title, getattr(parts, name)().strip()) for name, title in _TITLES.items())
    first = next((job.folder for job in sweep.jobs if (job.folder / "environment.json").is_file()), None)
    page = build_page(
        sweep.title if sweep.name else f"Sweep {sweep.folder.name}",
        parts.lead(),
        parts.headline(),
        [section for section in sections if section[2]],
        build_credits(sweep.config, read_environment(first) if first is not None else {}),
        kind="sweep",
    )
    write_text(folder / FILE, page)
    return folder / FILE
