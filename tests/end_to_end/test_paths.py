"""Paths on the command line of a training, from the shell to the run's folder."""

import shutil

import pytest

from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters


@pytest.fixture(scope="module")
def posters(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("posters"), 120)


@pytest.mark.parametrize("where", ["my (posters)/a=b,#1", "it's für später"])
def test_paths_of_any_name_are_trained_on_swept_and_resumed(where, posters, train_here):
    home = train_here.folder / where
    shutil.copytree(posters, home)
    own = [*SMALL, f"data.catalogue={home / 'catalogue.csv'}", f"data.images={home / 'posters'}"]
    own += ["training.head_epochs=1", "callbacks.report=false"]
    code, out, err = train_here(*own, f"hydra.run.dir={home / 'run'}")
    assert code == 0, err
    assert out.splitlines()[-1] == str(home / "run")
    (home / "run" / "metrics.json").unlink()
    code, out, err = train_here(f"resume={home / 'run'}")
    assert code == 0, err
    assert (home / "run" / "metrics.json").is_file()
    code, out, err = train_here("-m", *own, "loss.margin=36,45", f"hydra.sweep.dir={home / 'sweep'}")
    assert code == 0, err
    (home / "sweep" / "1" / "metrics.json").unlink()
    code, out, err = train_here(f"resume_sweep={home / 'sweep'}")
    assert code == 0, err
    assert out.splitlines()[-1] == str(home / "sweep")
    assert (home / "sweep" / "1" / "metrics.json").is_file()


def test_home_in_the_folders_of_runs(posters, train_here, monkeypatch):
    monkeypatch.setenv("HOME", str(train_here.folder / "home"))
    shutil.copytree(posters, train_here.folder / "home" / "posters")
    own = [*SMALL, "data.catalogue=~/posters/catalogue.csv", "data.images=~/posters/posters"]
    code, out, err = train_here(*own, "training.head_epochs=1", "callbacks.report=false", "hydra.run.dir=~/run")
    assert code == 0, err
    assert out.splitlines()[-1] == str(train_here.folder / "home" / "run")
    assert not (train_here.folder / "~").exists()
    assert train_here("resume=~/run")[0] == 0


@pytest.mark.parametrize("sweep", [False, True])
def test_relative_paths_start_where_the_program_was_started(sweep, posters, train_here, monkeypatch):
    monkeypatch.setenv("KEYART_CACHE", "cache")
    shutil.copytree(posters, train_here.folder / "p")
    own = [*SMALL, "data.catalogue=p/catalogue.csv", "data.images=p/posters", "hydra.job.chdir=true"]
    own += ["training.head_epochs=1", "callbacks.report=false"]
    more = ["-m", "loss.margin=36,45", "hydra.sweep.dir=out"] if sweep else ["hydra.run.dir=out"]
    code, out, err = train_here(*own, *more)
    assert code == 0, err
    assert out.splitlines()[-1] == str(train_here.folder / "out")
    run = train_here.folder / "out" / ("0" if sweep else "")
    assert (run / "metrics.json").is_file()
    assert (train_here.folder / "cache").is_dir()
    assert not (run / "cache").exists()
    if not sweep:
        code, _, err = train_here("resume=out")
        assert code == 0, err


def test_bad_input_leaves_no_folder_behind_in_another_working_directory(posters, train_here):
    table = train_here.folder / "bad.csv"
    table.write_text("img,genres\nnone.jpg,Drama\n")
    code, out, err = train_here("data=posters", "data.catalogue=bad.csv", "hydra.job.chdir=true", "hydra.run.dir=a/b")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert not (train_here.folder / "a").exists()
