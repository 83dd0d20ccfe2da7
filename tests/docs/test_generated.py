"""The pages that the docs write from the code, without building the site."""

import re
import sys
from pathlib import Path

import pytest

import keyart
from keyart.cli.commands import COMMANDS
from keyart.config.loss_table import read_losses
from keyart.config.rules import MINER_RULES, RULES
from keyart.config.shorthand import options_of
from keyart.metrics import METRICS
from keyart.models.poolings.registry import POOLINGS

DOCS = Path(__file__).resolve().parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from check_links import faults  # noqa: E402
from generate import api, command_line, components, configuration, figures, loss_picture, losses, metrics  # noqa: E402

LOSSES = {name: about for name, about in read_losses().items() if name != "pml"}


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "sum"])
def test_each_loss_has_an_example_that_runs(name):
    margin = LOSSES[name]["margin"]
    known = {}
    exec(losses.example(losses.built_class(LOSSES[name]), margin), known)
    assert known["embeddings"].grad.abs().sum() > 0
    assert margin is None or known["loss"].margin == margin


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "sum"])
def test_the_steps_of_each_picture_lower_the_loss(name):
    loss, start = losses.built_class(LOSSES[name])(), loss_picture.circle(loss_picture.DEGREES)
    loss_picture._hold_directions(loss)
    relations = loss_picture.toy_relations()
    end = loss_picture.descend(loss, start, relations)
    assert loss(end, relations) < loss(start, relations)


def test_each_page_of_a_loss_has_formula_picture_use_and_arguments(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(losses, "draw", lambda loss, file: drawn.append(file.name))
    pages = losses.pages(tmp_path)
    assert set(pages) == {f"loss-{name}" for name in LOSSES}
    for name, page in pages.items():
        assert "## When to use it\n\nUse it " in page, name
        assert "| `margin` |" in page, name
        assert (f"({name}.svg)" in page) == (f"{name}.svg" in drawn) == (name != "loss-sum")
        assert "```{math}\n" in page or name == "loss-sum", name
    assert r"\log \frac{\exp(s_{ap}/τ)}" in pages["loss-supcon"]


def test_a_picture_is_drawn(tmp_path):
    assert loss_picture.draw(keyart.losses.CosFaceLoss(), tmp_path / "a.svg")
    assert not loss_picture.draw(keyart.losses.TripletLoss(), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_text().count("<path") > 10


@pytest.mark.parametrize("name", components.KINDS)
def test_each_page_of_a_kind_has_each_option_with_its_use_and_an_example_that_runs(name, tmp_path):
    kind = components.KINDS[name]
    page = components._page(name, kind, tmp_path)
    parts = page.split("\n## ")[1:]
    options = [option for option in options_of(kind.group) if option != "pml"] or list(POOLINGS)[1:]
    assert [part.partition(":")[0] for part in parts] == options
    assert all("\nUse it " in part and f"={option}" in part for part, option in zip(parts, options, strict=True))
    assert (tmp_path / f"{name}.svg").is_file() == (f"({name}.svg)" in page)
    exec(kind.example, {})


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_has_an_example_that_runs(name, capsys):
    exec(re.search(r"```python\n(.*?)```", metrics.example(name), re.DOTALL)[1], {})
    assert name.replace("K", "10") in capsys.readouterr().out


def test_the_page_of_metrics_has_each_with_its_use(tmp_path):
    (page,) = metrics.pages(tmp_path).values()
    parts = page.split("\n## ")[1:]
    assert [part.partition("\n")[0] for part in parts] == [f"`{name}`" for name in METRICS]
    assert all("\nUse it " in part for part in parts)
    assert (tmp_path / "metrics.svg").is_file()


def test_the_page_of_keys_has_each_key_with_its_range():
    page = configuration.pages()["configuration"]
    assert r"optimizer.\_target\_=\<its class> +optimizer.\<argument>=…" in page
    for key in [*RULES, *(f"miner.{key}" for rules in MINER_RULES.values() for key in rules)]:
        assert f"| `{key}` |" in page or key.endswith(".name") or key == "trainer.accelerator", key
    for row in (
        "| `seed` | whole number from 0 to 2147483647 | `0` |",
        "| `training.precision` | text: one of auto, fp32, bf16 | `auto` |",
        "| `loss.margin` | number from 1 to 80 | `36` | degrees |",
        "| `model.flip_average` | true or false | `false` |",
        "| `data.catalogue` |  | – | CSV or Parquet",
    ):
        assert row in page


def test_the_page_of_commands_has_each_with_its_options():
    page = command_line.pages()["commands"]
    assert re.findall(r"^## keyart (\S+)$", page, re.MULTILINE) == list(COMMANDS)
    assert re.search(r"\| `-k <?\w+>?` \| Number of posters\.", page)


def test_the_page_of_the_api_has_each_public_name():
    page = api.pages()["api"]
    documented = set(re.findall(r":: ([\w.]+)$", page, re.MULTILINE))
    assert {"keyart.Run", "keyart.train", "keyart.losses.AngularLoss", "keyart.metrics.lift"} <= documented
    assert {f"keyart.losses.{name}" for name in dir(keyart.losses)} <= documented


def test_figures_read_the_results(tmp_path):
    figures.draw_all(tmp_path)
    assert {file.stem for file in tmp_path.iterdir()} == {"relevance", "lift", "phases", "splits", "beyond_genre"}
    assert figures.first(figures.table_row("`best`")[1]) == 0.3336
    names, values = figures.table_row("| Lite0 frozen"), figures.table_row("same film, all")
    assert dict(zip(names, map(figures.first, values[1:]), strict=True)) == {
        "Lite0 frozen": 0.395,
        "`head`": 0.417,
        "Lite2 frozen": 0.391,
        "`best`": 0.436,
    }
    with pytest.raises(LookupError, match="no row"):
        figures.table_row("nothing")


def test_links_of_a_site_are_checked(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#x">b</a><a href="https://example.org">c</a>')
    (tmp_path / "b.html").write_text('<p id="x"></p><a href="a.html#top">a</a><img src="a.html">')
    assert faults(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<a href="a.html#y"></a><a href="c.html"></a><script src="https://a.org/x.js"></script>'
    )
    assert faults(tmp_path) == [
        "a.html: b.html#x has no such anchor",
        "b.html: loads https://a.org/x.js",
        "b.html: a.html#y has no such anchor",
        "b.html: c.html leads nowhere",
    ]
