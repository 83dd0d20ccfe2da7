"""Tests of legibility: WCAG 2 contrast of every text colour on its background, on pages and in charts."""

import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from keyart.images.complexity import MEASURES
from keyart.launch.sweep.finish import report_sweep
from keyart.reports import theme
from keyart.reports.card.charts import draw_co_occurrence, draw_complexity, draw_dimension, draw_genres, draw_references
from keyart.reports.run_report import write_report
from keyart.reports.stylesheet import rules as sheet
from keyart.reports.sweep.chart import draw_sweep
from tests.runs.sweep.folders import make_sweep
from tests.runs.sweep.test_summary import GRID, parabola

LEAST = 4.5
THEMES = {"light": theme.LIGHT, "dark": theme.DARK}


def luminance(colour):
    """Return the relative luminance as in WCAG 2.2."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def rules():
    """Return selector and declarations of each rule of the style sheet."""
    return re.findall(r"([^{}]+)\{([^{}]*)\}", re.sub(r"@media[^{]*\{", "", sheet()))


def pairs():
    """Return text colour and background of all rules; the default backgrounds are paper and card."""
    found = set()
    behind = {}
    for selector, body in rules():
        text = re.search(r"(?<![-\w])color: var\(--(\w+)\)", body)
        ground = re.search(r"background: var\(--(\w+)\)", body)
        if ground and text:
            found.add((text[1], ground[1]))
            behind[selector.strip()] = text[1]
        elif ground and selector.strip().endswith(".tab"):  # `.driver .tab` has another background for the same text
            found.add((behind[".tab"], ground[1]))
        elif text:
            found |= {(text[1], "paper"), (text[1], "card")}
    return sorted(found)


def test_the_style_sheets_text_colours_are_found():
    assert {("ink", "paper"), ("muted", "card"), ("accent", "paper"), ("paper", "ink"), ("paper", "accent")} <= set(
        pairs()
    )
    assert not re.search(r"(?<![-\w])color: (?!var|inherit)", sheet().replace("text-decoration-color", ""))


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize(("text", "ground"), pairs())
def test_text_on_pages_can_be_read(name, text, ground):
    colours = THEMES[name].named()
    assert contrast(colours[text], colours[ground]) >= LEAST
    if ground == "paper" and name == "light":
        assert contrast(colours[text], "#ffffff") >= LEAST  # printed


@pytest.fixture
def drawn(monkeypatch):
    """Collect every saved figure, including the charts of reports."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))[1])
    return figures


def check_texts(figure, shown_in=None):
    """Check all texts of a figure on light paper, and on dark paper in the colours of the page's dark theme."""
    light = {colour: name for name, colour in theme.LIGHT.named().items()}
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert texts
    for text in texts:
        colour = to_hex(text.get_color())
        assert text.get_alpha() in (None, 1), text.get_text()
        if shown_in is theme.DARK:
            assert contrast(colour, theme.DARK.paper) >= LEAST, (text.get_text(), colour)
            continue
        assert contrast(colour, theme.LIGHT.paper) >= LEAST, (text.get_text(), colour)
        assert colour in light, (text.get_text(), colour)  # another colour would not follow the page's theme
        assert contrast(theme.DARK.named()[light[colour]], theme.DARK.paper) >= LEAST, (text.get_text(), colour)


def test_every_chart_of_a_report_can_be_read(inputs, run_folder, drawn):
    write_report(run_folder, **inputs)
    assert len(drawn) >= 8  # four charts, saved twice
    for figure in drawn:
        check_texts(figure)
    markup = (run_folder / "report.html").read_text()
    fills = set(re.findall(r"<text[^>]*fill:\s*var\(--(\w+)\)", markup))
    assert fills
    for name in fills:
        for colours in THEMES.values():
            assert contrast(colours.named()[name], colours.paper) >= LEAST, name


def test_every_chart_of_a_sweep_can_be_read(tmp_path, drawn):
    summary = report_sweep(make_sweep(tmp_path / "s", GRID, parabola))
    assert drawn
    for figure in drawn:
        check_texts(figure)
    check_texts(draw_sweep(summary, theme.DARK), theme.DARK)


@pytest.mark.parametrize("name", THEMES)
def test_a_cards_charts_can_be_read(name):
    shown = THEMES[name]
    values = np.random.default_rng(0).uniform(1, 7, (40, len(MEASURES)))
    facts = {measure: {"mean": 4.0} for measure in MEASURES}
    names = ["Comedy", "Drama", "War"]
    labels = {
        "posters": 40,
        "genres": dict.fromkeys(names, 20),
        "co_occurrence": {"genres": names, "posters": [[20, 10, 5]] * 3},
    }
    check_texts(draw_complexity(values, facts, shown), shown)
    for draw in (draw_genres, draw_co_occurrence):
        check_texts(draw(labels, shown), shown)
    likelihood = {"10": 5.0, "20": 6.0, "mean": 5.5}
    one = {
        "complexity": {measure: {"mean": 4.0, "25%": 3.0, "75%": 5.0} for measure in MEASURES},
        "intrinsic_dimension": {"twonn": 5.0, "mle": likelihood},
    }
    check_texts(draw_references([one | {"name": "ours"}, one | {"name": "digits"}], shown), shown)
    space = {"mle": likelihood, "twonn_by_vectors": {"100": 5.0, "200": 6.0}}
    check_texts(draw_dimension({"pixels": space}, {"pixels": np.linspace(0.1, 1, 50)}, shown), shown)
