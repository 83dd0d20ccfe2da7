"""The HTML page around the sections of a report: heading, contents, credits and style."""

from collections.abc import Mapping, Sequence
from typing import Any

from keyart.reports.html import load_macros
from keyart.reports.stylesheet import build_stylesheet
from keyart.utils.text import Markup

Section = tuple[str, str, Markup]


def build_page(
    title: str, lead: Markup, figures: Markup, sections: Sequence[Section], credits: Markup, kind: str = "report"
) -> str:
    """Build a complete HTML page with its style sheet.

    Args:
        title: Title of the page.
        lead: HTML of the sentence below the title.
        figures: HTML of the key figures.
        sections: Key, title and content (HTML) of each section.
        credits: HTML of the credits at the end.
        kind: Kind of the page, shown above the title.
    """
    parts = load_macros("page.html.j2")
    body = parts.body(title, lead, figures, sections, credits, kind)
    return str(parts.page(title, Markup(build_stylesheet(_text_of(body))), body))


def _text_of(content: str) -> str:
    """Return the page without data URIs: enough to know which letters occur."""
    return "".join(part for part in content.split('"') if not part.startswith("data:"))


def build_credits(config: Mapping[str, Any], environment: Mapping[str, Any]) -> Markup:
    """Build the credits: versions like a poster's billing block, and collapsible configuration and environment."""
    import yaml

    billed = {"python": environment.get("python")} | (environment.get("packages") or {})
    billed["device"] = environment.get("device")
    records = {
        name: yaml.safe_dump(_plain(content), sort_keys=False, allow_unicode=True, width=110)
        for name, content in (("Configuration", config), ("Environment", environment))
        if content
    }
    return Markup(
        load_macros("page.html.j2").credits({name: value for name, value in billed.items() if value}, records)
    )


def _plain(content: Any) -> Any:
    """Convert to mappings, lists and scalars only; any other value becomes text."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content if content is None or isinstance(content, (bool, int, float, str)) else str(content)
