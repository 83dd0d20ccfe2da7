"""The report's page around its sections: heading, contents, credits, style."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keyart.reports.stylesheet import build_stylesheet
from keyart.utils.text import to_html

Section = tuple[str, str, str]


def build_page(
    title: str, lead: str, figures: str, sections: Sequence[Section], credits: str, kind: str = "report"
) -> str:
    """The whole page, with its style sheet.

    Args:
        title: Of the page.
        lead: The sentence below it, HTML.
        figures: The headline figures, HTML.
        sections: Key, title and content (HTML) of each.
        credits: What stands at the end, HTML.
        kind: What kind of page it is, told above the title.
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
    """A table whose cells are text, or HTML as `Markup`.

    Args:
        caption: Of the table.
        heads: Above each column; the first stands above the rows' names.
        rows: Name and cells of each.
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
    """The page's text without its pictures, near enough to know which letters occur."""
    return "".join(part for part in content.split('"') if not part.startswith("data:"))


def build_credits(config: Mapping[str, Any], environment: Mapping[str, Any]) -> str:
    """Versions in the manner of a poster's billing block; configuration and environment in full, folded away."""
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
    """Mappings, lists and scalars only; anything else as its text."""
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_plain(value) for value in content]
    return content if content is None or isinstance(content, (bool, int, float, str)) else str(content)
