"""The Python of every page of the docs runs from top to bottom, in one namespace a page."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import keyart
from tests.end_to_end.conftest import SMALL

ROOT = Path(__file__).resolve().parents[2]
#: Pages that docs/generate/ writes have tests of their own in tests/docs/.
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in page.parts)]
SNIPPETS = {
    page.relative_to(ROOT).as_posix(): found
    for page in PAGES
    if (found := re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
}
#: What pages name, and what the posters of this test have in its place.
STAND_INS = {"demo00003": "p0003"}


@pytest.fixture(scope="module")
def place(run, posters, tmp_path_factory):
    """A folder with what the pages name."""
    folder = tmp_path_factory.mktemp("page")
    for name in ("head", "demo"):
        shutil.copytree(run.folder, folder / "outputs" / name / "2026-01-02_03-04-05_000000")
    shutil.copytree(run.folder / "embedder", folder / "embedder")
    shutil.copytree(posters / "posters", folder / "posters")
    shutil.copy(posters / "catalogue.csv", folder / "posters.csv")
    (folder / "mine").mkdir()
    for name, number in (("a", 3), ("b", 4), ("c", 5), ("query", 6), ("mine/1", 7), ("mine/2", 8)):
        shutil.copy(posters / "posters" / f"p{number:04d}.jpg", folder / f"{name}.jpg")
    (folder / "broken.jpg").write_bytes(b"broken")
    rows = [(user, f"p{film:04d}", 5) for user in (7, 8) for film in range(user, 40, 3)]
    pd.DataFrame(rows, columns=["userId", "id", "rating"]).to_csv(folder / "history.csv", index=False)
    return folder


@pytest.fixture
def trained(run, monkeypatch):
    """The configurations that `keyart.train` was called with: it returns the run of this test at once."""
    checked = []

    def train(*overrides, **paths):
        # One more training would show nothing new; its overrides are checked.
        from keyart.config import preflight

        small = [choice for choice in SMALL if not choice.startswith("model.hidden_size")]
        checked.append(preflight([*small, *overrides, *(f"data.{key}={path}" for key, path in paths.items())]))
        return run

    monkeypatch.setattr(keyart, "train", train)
    return checked


@pytest.fixture
def execute(place, monkeypatch, trained):
    """A function that runs the snippets of a page and returns its names."""

    def execute(page):
        monkeypatch.chdir(place)
        torch.manual_seed(0)
        known = {}
        for snippet in SNIPPETS[page]:
            for name, stand_in in STAND_INS.items():
                snippet = snippet.replace(name, stand_in)
            exec(compile(snippet, page, "exec"), known)
        return known

    return execute


def test_snippets_are_found():
    assert {"README.md", "docs/quick-start.md", "docs/tutorials/service.md", "docs/pml.md"} <= set(SNIPPETS)


@pytest.mark.parametrize("page", sorted(set(SNIPPETS) - {"README.md", "docs/python.md", "docs/pml.md"}))
def test_the_page_runs_from_top_to_bottom(page, execute, trained):
    known = execute(page)
    assert not trained
    assert known.get("lift", 2) > 1


def test_the_page_of_python_runs_from_top_to_bottom(execute, trained, capsys):
    known = execute("docs/python.md")
    assert len(trained) == 1
    assert isinstance(known["run"], keyart.Run)
    assert known["vector"].shape == (16,)
    assert known["positions"].tolist() == [0]
    assert "1 broken.jpg unreadable image" in capsys.readouterr().out
    assert isinstance(known["picture"], Image.Image)
    assert np.isfinite(known["score"].interval.low)


def test_the_page_of_pml_runs_from_top_to_bottom(execute):
    pytest.importorskip("pytorch_metric_learning")
    assert execute("docs/pml.md")["value"] > 0


def test_the_ten_lines_of_the_readme_run(execute):
    known = execute("README.md")
    assert known["vectors"].shape == (2, 16)
    assert known["vectors"].dtype == np.float32
    assert all("Drama" in hit["genres"] for hit in known["hits"])
    assert len(known["films"]) == 20
    assert known["result"]["ndcg@10"].interval.low < known["result"]["ndcg@10"].value
    assert set(dir(keyart)) >= {"load", "train", "compare", "Run", "load_embedder", "losses", "metrics"}
