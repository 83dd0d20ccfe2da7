"""Progress goes to standard error, in full on a terminal and in lines elsewhere."""

import io
import re
import sys

import pytest

from keyart.callbacks import PosterProgress
from tests.callbacks.small import SmallData, SmallModule, evaluation
from tests.callbacks.test_evaluation import fit


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_line_an_epoch_where_there_is_no_terminal(tmp_path, capsys):
    trainer = fit(tmp_path, evaluation(), PosterProgress(), enable_progress_bar=True, max_epochs=3)
    trainer.test(SmallModule(), SmallData(), verbose=False)
    out, err = capsys.readouterr()
    assert out == ""
    lines = [line for line in err.splitlines() if line.startswith(("epoch", "test"))]
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3", "test"]
    number = r"-?\d+\.\d{4}"
    assert re.fullmatch(
        rf"epoch 1/3  train/loss {number}  val/ndcg@10 {number}  val/ndcg@10/lift {number}  \(\d+\.\d s\)", lines[0]
    )
    assert re.search(rf"  test/ndcg@10 {number}", lines[-1])


def test_a_bar_on_a_terminal(tmp_path, capsys, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    trainer = fit(tmp_path, evaluation(), PosterProgress(), enable_progress_bar=True, max_epochs=1)
    shown = screen.getvalue()
    assert "Epoch 0/0" in shown
    assert "val/ndcg@10" in shown
    assert not re.search(r"^epoch 1/1", shown, re.MULTILINE)
    assert capsys.readouterr().out == ""
    assert trainer.current_epoch == 1


@pytest.mark.parametrize("change", ["disable", "enable"])
def test_other_processes_are_silent(tmp_path, capsys, change):
    bar = PosterProgress()
    bar.disable()
    getattr(bar, change)()
    fit(tmp_path, evaluation(), bar, enable_progress_bar=True, max_epochs=1)
    assert ("epoch 1/1" in capsys.readouterr().err) == (change == "enable")


def test_what_a_module_prints_goes_to_standard_error(capsys, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    PosterProgress().print("hello")
    assert screen.getvalue() == "hello\n"
    assert capsys.readouterr().out == ""
