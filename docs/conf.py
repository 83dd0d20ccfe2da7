"""The docs site: `make docs`. Pages are Markdown; those in generated/ are written from the code at each build."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import api, command_line, configuration, figures, losses, metrics  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

from keyart import __version__  # noqa: E402

project = "keyart"
copyright = "the keyart authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
# A block without a language is a shell's.
highlight_language = "console"
default_role = "py:obj"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
suppress_warnings = ["misc.highlighting_failure"]
html_theme = "furo"
html_title = "keyart"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False


def write_pages(app: Sphinx) -> None:
    """Write the generated pages and pictures; files that stay the same are left alone."""
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    figures.draw_all(folder)
    pages = api.pages() | command_line.pages() | configuration.pages() | losses.pages(folder) | metrics.pages(folder)
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def literal_formulas(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Turn a docstring's indented formulas, which stand alone between blank lines, into literal blocks."""
    result: list[str] = []
    for at, line in enumerate(lines):
        before = next((earlier for earlier in reversed(lines[:at]) if earlier.strip()), "")
        starts = line.startswith("    ") and at > 0 and not lines[at - 1].strip() and not before.startswith(" ")
        if starts and not re.match(r"\s*>>>|[A-Z]\w+:$", before):
            result += ["::", ""]
        result.append(line)
    lines[:] = result


def setup(app: Sphinx) -> None:
    """Register the steps of the build."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", literal_formulas, priority=0)
