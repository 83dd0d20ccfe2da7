"""Progress on standard error: a bar on a terminal, lines elsewhere."""

import io
import re
import sys

import pytest

from keyart.training.callbacks.progress import PosterProgress
from tests.training.small import SmallData, SmallModule, evaluation
from tests.training.test_evaluation import fit


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
    assert re.search(r"epoch 1/1  train/loss -?\d+\.\d{4}  val/ndcg@10 ", shown)
    assert capsys.readouterr().out == ""
    assert trainer.current_epoch == 1


class Shown(PosterProgress):
    """Progress callback that records what it shows after each step and epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, trainer, pl_module, *args):
        super().on_train_batch_end(trainer, pl_module, *args)
        self.steps.append(sorted(self.get_metrics(trainer, pl_module)))

    def on_train_epoch_end(self, trainer, pl_module):
        super().on_train_epoch_end(trainer, pl_module)
        self.epochs.append(sorted(self.get_metrics(trainer, pl_module)))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_value_is_shown_only_in_the_epoch_it_was_computed_in(tmp_path, capsys, monkeypatch, terminal):
    if terminal:
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm")
    bar = Shown()
    fit(tmp_path, evaluation(), bar, enable_progress_bar=True, max_epochs=5, check_val_every_n_epoch=2)
    both = ["train/loss", "val/ndcg@10", "val/ndcg@10/lift"]
    assert bar.epochs == [both[:1], both, both[:1], both, both[:1]]
    # Two steps per epoch, without metrics of an earlier epoch.
    assert bar.steps == [[]] * 10
    shown = sys.stderr.getvalue() if terminal else capsys.readouterr().err
    for epoch in (1, 3, 5):
        (line,) = re.findall(rf"epoch {epoch}/5  [^\n]*", shown)
        assert "val/" not in line
        assert "train/loss" in line
    assert "val/ndcg@10" in re.search(r"epoch 4/5  [^\n]*", shown)[0]


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
