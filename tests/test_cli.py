"""The console command: help, usage errors in one line, exit codes."""

import json
import sys

import pytest
from PIL import Image

from onesheet import cli


@pytest.fixture
def onesheet(monkeypatch, capfd):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["onesheet", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return stop.value.code, out, err

    return call


def test_help_names_the_commands(onesheet):
    code, out, _ = onesheet("--help")
    assert code == 0
    assert "evaluate" in out
    assert "check" in out
    assert onesheet()[1] == out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nosuch"], "nosuch"),
        (["evaluate"], "RUN"),
        (["evaluate", "/nowhere"], "/nowhere"),
        (["evaluate", ".", "--relevance", "no"], "jaccard"),
        (["evaluate", ".", "--other-images", "."], "--pairs"),
        (["compare"], "RUN"),
        (["compare", "/nowhere", "/nowhere"], "/nowhere"),
        (["evaluate", ".", "--images", "."], "--catalogue"),
        (["check"], "--catalogue"),
        (["check", "--catalogue", "/nowhere.csv"], "/nowhere.csv"),
        (["check", "--nosuch", "x"], "--nosuch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_bad_usage_is_one_line_and_exit_code_2(onesheet, arguments, named):
    code, out, err = onesheet(*arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert named in err


def test_a_folder_that_is_no_run_is_told(onesheet, tmp_path):
    code, _, err = onesheet("evaluate", tmp_path)
    assert code == 2
    assert str(tmp_path) in err


def test_check_tells_what_cannot_be_used(onesheet, poster_folder):
    arguments = ["check", "--catalogue", poster_folder / "catalogue.csv", "--images", poster_folder / "posters"]
    code, out, _ = onesheet(*arguments, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["posters"] == 24
    assert report["problems"] == []
    (poster_folder / "posters" / "p0002.jpg").write_text("no image")
    (poster_folder / "posters" / "p0005.jpg").unlink()
    Image.new("RGB", (3000, 20)).save(poster_folder / "posters" / "p0007.jpg")
    code, out, _ = onesheet(*arguments, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["posters"] == 21
    assert {problem["id"] for problem in report["problems"]} == {"p0002", "p0005", "p0007"}
    [strip] = [problem for problem in report["problems"] if problem["id"] == "p0007"]
    assert "3000×20" in strip["detail"]
    assert "crop" in strip["mend"]
    code, out, _ = onesheet(*arguments)
    assert code == 1
    assert "p0002" in out
