"""Text from users stays plain text: on terminals, in pages, in CSV files, in JSON and in logs."""

import io
import json
import logging

import pandas as pd
import pytest
import yaml
from hypothesis import given, strategies as st
from rich.table import Table

from keyart.reports.html import environment, load_macros
from keyart.utils.text import (
    Markup,
    PrintableFormatter,
    csv_cell,
    csv_table,
    from_csv_cell,
    printable,
    terminal,
    to_json,
)
from tests.reports.test_report import Page

ANY_TEXT = st.text(st.characters(codec=None))
ACTIVE = {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u2028\u2029\u202a\u202e\u2066\u2069"}


@given(ANY_TEXT)
def test_printable_text_is_one_line_of_utf8_that_does_nothing(text):
    found = printable(text)
    assert not ACTIVE & set(found)
    assert found.encode("utf-8").decode("utf-8") == found
    assert len(found.splitlines()) <= 1


@pytest.mark.parametrize(
    "text", ["Alien", "千と千尋の神隠し", "عمر المختار", "Amélie – 2001", "👨‍👩‍👧", "C:\\new", "[x] :y: & <z>"]
)
def test_ordinary_text_stays_as_it_is(text):
    assert printable(text) == text


def test_a_lone_surrogate_and_an_escape_sequence_are_shown():
    assert printable("a\udcff\x1b[2J\x9b31m\r\nb") == "a\\udcff\\x1b[2J\\x9b31m  b"


@given(ANY_TEXT)
def test_html_is_read_back_as_the_same_text(text):
    page = Page(environment().from_string('<p title="{{ text }}">{{ text }}</p>').render(text=text))
    assert [name for name, _ in page.elements] == ["p"]
    assert "".join(page.texts) == page.all("p")[0]["title"] == printable(text, keep="\n\t")


def test_table_cells_are_text_unless_they_are_markup():
    rows = [("<script>", ["<img src=x onerror=alert(1)>", Markup("<em>1</em>")])]
    page = Page(load_macros("page.html.j2").table("<i>", ("<b>", "&"), rows))
    assert {name for name, _ in page.elements} == {
        *["div", "table", "caption", "thead", "tr", "th", "tbody", "td", "em"]
    }
    assert "<img src=x onerror=alert(1)>" in page.texts


@given(ANY_TEXT)
def test_csv_cells_are_read_back_and_no_formula(text):
    cell = csv_cell(text)
    assert from_csv_cell(cell) == text
    if cell[:1] in tuple("=+-@\t\r"):
        float(cell)


@pytest.mark.parametrize(
    "text", ['=HYPERLINK("x")', "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=1", "＝1", "'=1", "-cmd|' /C calc'!A0"]
)
def test_formulas_are_disarmed(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-3", "-inf", -0.5, None, "a=b", "tt0084058", "'tis", "x-y"])
def test_numbers_and_ordinary_cells_stay(value):
    assert csv_cell(value) == value == from_csv_cell(value)


def test_a_csv_table_guards_names_and_cells():
    table = csv_table(pd.DataFrame({"=id": ["=a", "b"], "n": [-1, 2]}))
    assert table.to_csv(index=False).splitlines() == ["'=id,n", "'=a,-1", "b,2"]


@given(st.recursive(ANY_TEXT | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(ANY_TEXT, one)))
def test_json_holds_the_same_and_does_nothing(content):
    text = to_json(content)
    assert json.loads(text) == content
    assert not (ACTIVE - {"\n"}) & set(text)
    text.encode("utf-8")


def test_the_console_shows_markup_emoji_and_escapes_as_they_are():
    out = io.StringIO()
    console = terminal(out, width=200)
    table = Table("x[/b]", "[red]no[/red]", title="[bold]:smile: \x1b[2J")
    table.add_row("[/b]", "\x9b31m :poop:", style="red")
    console.print(table)
    console.print("[link=x]12 'y'[/link] :smile:")
    text = out.getvalue()
    for part in (
        "x[/b]",
        "[red]no[/red]",
        "[bold]:smile: \\x1b[2J",
        "[/b]",
        "\\x9b31m :poop:",
        "[link=x]12 'y'[/link]",
    ):
        assert part in text
    assert not (ACTIVE - {"\n"}) & set(text)


def test_log_lines_are_printable_and_the_log_configurations_use_that():
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s: gone", ("a\x1b[2J\udcff",), None)
    assert PrintableFormatter("%(message)s").format(record) == "a\\x1b[2J\\udcff: gone"
    from tests.end_to_end.conftest import ROOT

    for kind in ("job_logging", "hydra_logging"):
        for path in (ROOT / "conf" / "hydra" / kind).glob("*.yaml"):
            for formatter in yaml.safe_load(path.read_text())["formatters"].values():
                assert formatter["class"] == "keyart.utils.text.PrintableFormatter"


def test_no_module_prints_or_escapes_by_itself():
    """All output of user text uses this module: no other console, escaping or echo."""
    from tests.end_to_end.conftest import ROOT

    own = {"utils/text.py"}
    for path in sorted((ROOT / "src" / "keyart").rglob("*.py")):
        source, name = path.read_text(), path.relative_to(ROOT / "src" / "keyart").as_posix()
        if name in own:
            continue
        assert "html import escape" not in source, name
        assert "import html" not in source, name
        assert "typer.echo" not in source, name
        assert "rich.markup" not in source, name
        if "Console(" in source:
            assert name == "utils/progress.py"  # with constant texts
