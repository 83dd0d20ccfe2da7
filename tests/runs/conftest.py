"""Fixtures: a finished run on small posters, trained as a classifier, and other artwork of some of its films."""

import logging
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra
from PIL import Image

from keyart.runs.run import Run
from tests.end_to_end.conftest import ROOT, SMALL
from tests.helpers import draw_posters


@pytest.fixture(scope="package")
def posters(tmp_path_factory) -> Path:
    return draw_posters(tmp_path_factory.mktemp("judging"), 120)


def train_small(folder: Path, posters: Path, *more: str) -> Run:
    """Train in this process into ``folder``; raise ``SystemExit`` on failure."""
    before, arguments, handlers = Path.cwd(), sys.argv, logging.root.handlers[:]
    folder.parent.mkdir(parents=True, exist_ok=True)
    table, images = posters / "catalogue.csv", posters / "posters"
    common = [f"data.catalogue={table}", f"data.images={images}", "callbacks.report=false", f"hydra.run.dir={folder}"]
    os.chdir(folder.parent)
    sys.argv = [str(ROOT / "train.py"), *SMALL, *common, *more]
    try:
        GlobalHydra.instance().clear()
        try:
            runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
        except SystemExit as stop:
            if stop.code:
                raise
    finally:
        os.chdir(before)
        sys.argv = arguments
        GlobalHydra.instance().clear()
        logging.root.handlers[:] = handlers
    return Run.open(folder)


@pytest.fixture(scope="package")
def run(posters, tmp_path_factory) -> Run:
    """Provide a run that was trained for a few epochs with ``loss=bce``."""
    return train_small(tmp_path_factory.mktemp("runs") / "run", posters, "loss=bce", "training.head_epochs=8")


@pytest.fixture
def artwork(posters, tmp_path) -> Path:
    """Provide ``pairs.csv`` and 20 slightly changed posters; the first five are the posters themselves."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(20):
        pixels = np.asarray(Image.open(posters / "posters" / f"p{i:04d}.jpg")).astype(np.int16)
        if i >= 5:
            pixels = np.roll(pixels, 20, axis=0) + rng.integers(-60, 60, (1, 1, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(tmp_path / f"o{i:02d}.png")
        rows.append((f"p{i:04d}.jpg", f"o{i:02d}.png"))
    pd.DataFrame(rows, columns=["img", "other_img"]).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path


@pytest.fixture
def history(tmp_path) -> Path:
    """Provide a history of 30 users, each of whom likes the films of about a third of the catalogue."""
    rng = np.random.default_rng(2)
    rows = [
        (user, f"p{film:04d}", rating)
        for user in range(30)
        for film, rating in zip(rng.permutation(120)[:60], rng.choice([2, 4, 5], 60), strict=True)
    ]
    pd.DataFrame(rows, columns=["userId", "id", "rating"]).to_csv(tmp_path / "history.csv", index=False)
    return tmp_path / "history.csv"
