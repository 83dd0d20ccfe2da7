"""The HTML page around the sections of a report: heading, contents, credits and style."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keyart.reports.stylesheet import build_stylesheet
from keyart.utils.text import to_html

Section = tuple[str, str, str]


def build_page(
    title: str, lead: str, figures: str, sections: Sequence[Section], credits: str, kind: str = "report"
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
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name, _ in sections)
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-title">\n<h2 id="{key}-title">{name}</h2>\n{content}\n</section>'
        for key, name, content in sections
    )
    content = (
        f'<header class="mast">\n<p class="overline display">keyart · {to_html(kind)}</p>\n<h1>{to_html(title)}</h1>\n'
        f'<p class="lead">{lead}</p>\n{figures}\n<nav aria-label="Contents"><ul>{links}'
        f'<li><a href="#credits">Credits</a></li></ul></nav>\n</header>\n<main>\n{body}\n</main>\n'
        f'<footer id="credits"><div>\n{credits}\n</div></footer>\n'
    )
    style = build_stylesheet(_text_of(content))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{to_html(title)} · keyart</title>\n"
        f"<style>\n{style}\n</style>\n</head>\n<body>\n{content}</body>\n</html>\n"
    )


def build_table(caption: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Build an HTML table from cells of text, or of HTML as `Markup`.

    Args:
        caption: Caption of the table.
        heads: Column headings; the first is that of the row names.
        rows: Name and cells of each row.
    """
    columns = "".join(f'<th scope="col">{to_html(head)}</th>' for head in heads)
    body = "".join(
        f'<tr><th scope="row">{to_html(name)}</th>{"".join(f"<td>{to_html(cell)}</td>" for cell in cells)}</tr>'
        for name, cells in rows
    )
    return (
        f'<div class="scroll"><table><caption>{to_html(caption)}</caption><thead><tr>{columns}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _text_of(content: str) -> str:
    """Return the page without data URIs: enough to know which letters occur."""
    return "".join(part for part in content.split('"') if not part.startswith("data:"))


def build_credits(config: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
    """Build the credits: versions like a poster's billing block, and collapsible configuration and environment."""
    import yaml

    packages = environment.get("packages") or {}
    billed = {**{"python": environment.get("python")}, **packages, "device": environment.get("device")}
    billing = " ".join(
        f"<span><i>{to_html(str(name))}</i>{to_html(str(value))}</span>" for name, value in billed.items() if value
    )
    parts = [f'<p class="billing">{billing}</p>'] if billing else []
    for name, content in (("Configuration", config), ("Environment", environment)):
        if content:
            told = yaml.safe_dump(_plain(content), sort_keys=False, allow_unicode=True, width=110)
            parts.append(f"<details><summary>{name}</summary><pre>{to_html(told)}</pre></details>")
    return "\n".join(parts)


def _plain(content: Any) -> Any:
    """Convert to mappings, lists and scalars only; any other value becomes text."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content if content is None or isinstance(content, (bool, int, float, str)) else str(content)
