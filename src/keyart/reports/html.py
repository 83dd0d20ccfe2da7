"""HTML from the Jinja2 templates in ``templates/``: every value is escaped, and control characters become visible."""

from functools import cache
from typing import Any

import jinja2

from keyart.reports.numbers import interval, number, percent, thousands
from keyart.utils.text import Markup, printable


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value, keep="\n\t")


@cache
def environment() -> jinja2.Environment:
    """Return the environment of all pages: autoescape, and an error for a value that is not given."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("keyart.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    found.filters |= {"number": number, "percent": percent, "thousands": thousands, "interval": interval}
    return found


def load_macros(template: str, **values: Any) -> Any:
    """Load a template whose macros each return a part of a page as `Markup`."""
    return environment().get_template(template).make_module(values)
