"""Bad input that only the data can show: exit code 2, one line, no run folder left behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters


def one_line(err: str) -> str:
    lines = [line for line in err.splitlines() if line.startswith("train.py: ")]
    assert len(lines) == 1, err
    return lines[0]


def table_of(folder, change):
    table = pd.read_csv(folder / "catalogue.csv")
    table = change(table)
    table.to_csv(folder / "changed.csv", index=False)
    return folder / "changed.csv"


@pytest.fixture
def posters(tmp_path):
    return draw_posters(tmp_path / "given", 40)


CASES = {
    "missing column": (lambda t: t.drop(columns="genres"), ["changed.csv", "genres"]),
    "one genre": (lambda t: t.assign(genres="Drama"), ["changed.csv", "1 genre"]),
    "no positives": (lambda t: t.assign(genres=[f"g{i}" for i in range(len(t))]), ["positive"]),
    "missing image": (lambda t: t.assign(img=["nowhere.jpg", *t.img[1:]]), ["nowhere.jpg", "data.on_bad_poster=skip"]),
    "no genres": (lambda t: t.assign(genres=[np.nan, *t.genres[1:]]), ["p0000", "genre"]),
    "duplicate id": (lambda t: t.assign(id=["a", "a", *t.img[2:]]), ["duplicate"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_tables(case, posters, train_here):
    change, named = CASES[case]
    table = table_of(posters, change)
    code, out, err = train_here(*SMALL, f"data.catalogue={table}", f"data.images={posters / 'posters'}")
    assert code == 2, err
    assert out == ""
    line = one_line(err)
    for part in named:
        assert part in line
    assert not (train_here.folder / "outputs").exists()


def test_bad_images(posters, train_here):
    images = posters / "posters"
    (images / "p0003.jpg").write_text("no image")
    whole = (images / "p0004.jpg").read_bytes()
    (images / "p0004.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (3000, 20)).save(images / "p0005.jpg")
    Image.new("L", (10_000, 10_000)).save(images / "p0006.jpg")
    arguments = [*SMALL, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={images}"]
    code, _, err = train_here(*arguments)
    assert code == 2, err
    for named in ("p0003.jpg", "p0004.jpg", "p0005.jpg: 3000×20 pixels", "p0006.jpg: 10000×10000 pixels"):
        assert named in one_line(err)
    assert not (train_here.folder / "outputs").exists()


def test_weights_that_cannot_be_reached(posters, train_here, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    arguments = [*SMALL, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]
    code, _, err = train_here(*arguments, "model=resnet18")
    assert code == 2, err
    assert "model.weights" in one_line(err)
    assert not (train_here.folder / "outputs").exists()


def test_unknown_backbone(posters, train_here):
    arguments = [*SMALL, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]
    code, _, err = train_here(*arguments, "model.backbone=resnet81")
    assert code == 2, err
    assert "resnet81" in one_line(err)


def test_too_few_posters_to_validate(tmp_path, train_here):
    few = draw_posters(tmp_path / "few", 8)
    arguments = [*SMALL, f"data.catalogue={few / 'catalogue.csv'}", f"data.images={few / 'posters'}"]
    code, _, err = train_here(*arguments)
    assert code == 2, err
    assert not (train_here.folder / "outputs").exists()
    assert one_line(err)


def test_what_lies_in_a_folder_already_is_never_removed(posters, train_here):
    mine = train_here.folder / "mine" / "thesis.txt"
    mine.parent.mkdir()
    mine.touch()
    arguments = [*SMALL, f"data.catalogue={posters / 'catalogue.csv'}", f"data.images={posters / 'posters'}"]
    code, _, err = train_here(*arguments, "model.backbone=resnet81", "hydra.run.dir=mine")
    assert code == 2, err
    assert mine.exists()


def test_a_training_begins_with_an_account_of_its_table(train_here, poster_folder):
    table = poster_folder / "catalogue.csv"
    table.write_text(table.read_text() + "gone.jpg,Drama,x,1990\np0003.jpg,N/A,y,1990\n")
    where = [f"data.catalogue={table}", f"data.images={poster_folder / 'posters'}", "data.on_bad_poster=skip"]
    more = [
        "training.head_epochs=1",
        "training.finetune_epochs=0",
        "sampler.batch_size=8",
        "callbacks.report=false",
        "data.split.val=0.3",
    ]
    code, out, err = train_here(*SMALL, *where, *more)
    assert code == 0, err
    log = (Path(out.splitlines()[-1]) / "train.log").read_text()
    assert log.count("26 rows = 24 posters + 2 faults") == 1
