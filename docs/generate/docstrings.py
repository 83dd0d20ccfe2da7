"""Docstrings in Google style as Markdown."""

import inspect
import re

from generate.markdown import section, table

USE = "Use it"


def to_markdown(documented: object, *, headings: bool = True) -> str:
    """Return a docstring's summary, formula, remarks, use and arguments; its errors and examples are left out."""
    head, *rest = re.split(r"\n\n(?=(?:Args|Raises|Returns|Examples|Attributes):\n)", inspect.getdoc(documented) or "")
    paragraphs = re.split(r"\n\n(?=\S)", head)
    use = [_fenced(one) for one in paragraphs if one.startswith(USE)]
    text = "\n\n".join(_fenced(one) for one in paragraphs if not one.startswith(USE))
    arguments = next((one for one in rest if one.startswith("Args:\n")), "")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", arguments, re.MULTILINE)
    rows = [(f"`{name}`", re.sub(r"\s+", " ", said)) for name, said in found]
    arguments = table(["argument", "what it is"], rows) if rows else ""
    if not headings:
        return "\n\n".join([text, *use, arguments])
    return (
        f"{text}\n\n"
        + (section("When to use it", *use) if use else "")
        + (section("Arguments", arguments) if rows else "")
    )


def _fenced(paragraph: str) -> str:
    """Put the formula of a ``.. math::`` directive into a block of its own."""
    directive, _, formula = paragraph.replace("``", "`").partition("\n")
    if directive.strip() != ".. math::":
        return paragraph.replace("``", "`")
    return f"```{{math}}\n{inspect.cleandoc(formula)}\n```"
