"""A second writer of a run, index, export or embeddings is refused, and the message names the first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyart.utils.folder_lock import sole_writer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["index", "--engine", "flat"], ""),
        (["export", "--to", "timm"], ""),
        (["embed", "--catalogue", "made/catalogue.csv", "--images", "made/posters"], "1-of-1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_second_writer_is_refused(command, part, made, keyart, tmp_path, monkeypatch):
    folder, _, ((run, _), _) = made
    monkeypatch.chdir(folder)
    out = tmp_path / "out"
    with sole_writer(out, "writes here", part):
        code, _, err = keyart(command[0], run, *command[1:], "--out", out)
    assert code == 2
    assert (
        err == f"keyart: --out {out}: process {os.getpid()} on {os.uname().nodename} writes here; wait for its end,"
        " or stop it\n"
    )
    assert not list(out.iterdir())


def test_a_second_training_leaves_the_first_ones_folder_alone(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with sole_writer(folder, "trains this run"):
        done = subprocess.run(
            [sys.executable, ROOT / "train.py", "data=demo", f"hydra.run.dir={folder}"],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"train.py: {folder}: process {os.getpid()} on {os.uname().nodename} trains this run; wait for its end, or stop"
        " it\n"
    )
    assert not list(folder.iterdir())
