"""`keyart.train`, and importing `keyart`."""

import logging
import re
import statistics
import subprocess
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

import keyart
from tests.end_to_end.conftest import SMALL


def test_a_run_comes_back(run, posters):
    assert isinstance(run, keyart.Run)
    assert run.config["data"]["catalogue"] == str(posters / "catalogue.csv")
    assert keyart.load(run.folder) == run


def test_logging_hydra_and_standard_output_stay_as_they_were(posters, tmp_path, capfd):
    handlers, level = logging.root.handlers[:], logging.root.level
    run = keyart.train(
        *SMALL,
        "training.head_epochs=1",
        "callbacks.report=false",
        catalogue=posters / "catalogue.csv",
        images=posters / "posters",
        folder=tmp_path / "it's (mine)",
    )
    assert run.folder == tmp_path / "it's (mine)"
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
    assert not GlobalHydra.instance().is_initialized()
    assert capfd.readouterr().out == ""


def test_the_result_is_logged_before_the_report_is_drawn(posters, tmp_path, monkeypatch, capfd):
    def draw(*_):
        assert re.search(r"test/ndcg@10 0\.\d+ \(chance", capfd.readouterr().err)
        raise KeyError("drawn")

    monkeypatch.setattr("keyart.training.artifacts.draw_report", draw)
    line = [*SMALL, "training.head_epochs=1"]
    with pytest.raises(KeyError, match="drawn"):
        keyart.train(*line, catalogue=posters / "catalogue.csv", images=posters / "posters", folder=tmp_path / "run")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["loss=anglar"], "did you mean angular?"),
        (["loss.margin=300"], "loss.margin=300"),
        (["-m", "seed=1,2"], "trains one run"),
        (["data=posters", "data.catalogue=nowhere.csv"], "data.catalogue=nowhere.csv"),
    ],
)
def test_errors_are_those_of_the_command_line(overrides, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(keyart.InputError) as error:
        keyart.train(*overrides)
    assert named in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_bad_posters_leave_no_folder(posters, tmp_path):
    table = tmp_path / "posters.csv"
    table.write_text("img,genres\nnone.jpg,Drama\n")
    with pytest.raises(keyart.InputError, match=r"none\.jpg"):
        keyart.train(*SMALL, catalogue=table, images=posters / "posters", folder=tmp_path / "out" / "run")
    assert not (tmp_path / "out" / "run").exists()


def test_importing_is_fast_and_loads_no_torch():
    code = (
        "import sys, time; start = time.process_time(); import keyart;"
        "print(time.process_time() - start, 'torch' in sys.modules, 'numpy' in sys.modules)"
    )
    seconds = []
    for _ in range(5):
        lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        seconds.append(float(lines[0]))
        assert lines[1:] == ["False", "False"]
    assert statistics.median(seconds) < 0.05
