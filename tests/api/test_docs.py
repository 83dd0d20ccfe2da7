"""Every snippet of docs/python.md runs, in order, in one namespace."""

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


def snippets(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def place(run, posters, tmp_path_factory):
    """A folder with what the page names."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "outputs" / "head").mkdir(parents=True)
    shutil.copytree(run.folder, folder / "outputs" / "head" / "2026-01-02_03-04-05_000000")
    shutil.copytree(posters / "posters", folder / "posters")
    shutil.copy(posters / "catalogue.csv", folder / "posters.csv")
    for name, number in (("a", 3), ("b", 4), ("c", 5)):
        shutil.copy(posters / "posters" / f"p{number:04d}.jpg", folder / f"{name}.jpg")
    (folder / "broken.jpg").write_bytes(b"broken")
    rows = [(user, f"p{film:04d}", 5) for user in (7, 8) for film in range(user, 40, 3)]
    pd.DataFrame(rows, columns=["userId", "id", "rating"]).to_csv(folder / "history.csv", index=False)
    return folder


def test_the_page_runs_from_top_to_bottom(place, run, monkeypatch, capsys):
    monkeypatch.chdir(place)
    torch.manual_seed(0)
    known = {}
    trained = []

    def train(*overrides, **paths):
        # One more training would show nothing new; its overrides are checked.
        from keyart.config import preflight

        trained.append(preflight([*SMALL, *overrides, *(f"data.{key}={path}" for key, path in paths.items())]))
        return run

    monkeypatch.setattr(keyart, "train", train)
    for snippet in snippets("docs/python.md"):
        exec(compile(snippet, "docs/python.md", "exec"), known)
    assert len(trained) == 1
    assert isinstance(known["run"], keyart.Run)
    assert known["vector"].shape == (16,)
    assert known["positions"].tolist() == [0]
    assert "1 broken.jpg unreadable image" in capsys.readouterr().out
    assert isinstance(known["picture"], Image.Image)
    assert np.isfinite(known["score"].interval.low)


def test_the_ten_lines_of_the_readme_run(place, monkeypatch):
    monkeypatch.chdir(place)
    known = {}
    (lines,) = snippets("README.md")
    exec(compile(lines, "README.md", "exec"), known)
    assert known["vectors"].shape == (2, 16)
    assert known["vectors"].dtype == np.float32
    assert all("Drama" in hit["genres"] for hit in known["hits"])
    assert len(known["films"]) == 20
    assert known["result"]["ndcg@10"].interval.low < known["result"]["ndcg@10"].value
    assert set(dir(keyart)) >= {"load", "train", "compare", "Run", "load_embedder", "losses", "metrics"}
