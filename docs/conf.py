"""The docs site: `make docs`. Pages are Markdown; those in generated/ are written from the code at each build."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from docutils import nodes  # noqa: E402
from docutils.utils.math.latex2mathml import tex2mathml  # noqa: E402
from generate import api, command_line, components, configuration, figures, losses, metrics  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.writers.html5 import HTML5Translator as HTMLTranslator  # noqa: E402

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
html_math_renderer = "mathml"
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
    pages = api.pages() | command_line.pages() | configuration.pages()
    pages |= losses.pages(folder) | components.pages(folder) | metrics.pages(folder)
    for name, text in pages.items():
        file = folder / f"{name}.md"
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def visit_formula(translator: HTMLTranslator, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers show without a script."""
    formula = tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
    # A thin space after log, exp, cos …, unless a bracket follows.
    translator.body.append(re.sub(r"(<mo>&ApplyFunction;</mo>)(?!\s*<mo)", r'\1<mspace width="0.17em"/>', formula))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Register the steps of the build."""
    app.connect("builder-inited", write_pages)
    app.add_html_math_renderer("mathml", (visit_formula, None), (visit_formula, None))
