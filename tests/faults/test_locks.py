"""A second writer of a run, index, export, embeddings, downloads or a card is refused; the message names the first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyart.utils.folder_lock import sole_writer

POSTERS = ["--catalogue", "made/catalogue.csv", "--images", "made/posters"]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["index", "--engine", "flat"], ""),
        (["export", "--to", "timm"], ""),
        (["embed", *POSTERS], "1-of-1"),
        (["fetch", "--catalogue", "made/urls.csv"], ""),
        (["card", *POSTERS], ""),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_second_writer_is_refused(command, part, made, keyart, tmp_path, monkeypatch):
    folder, _, ((run, _), _) = made
    monkeypatch.chdir(folder)
    Path("made/urls.csv").write_text("id,genres,url\na,Drama,http://127.0.0.1:9/a.jpg\n")
    out = tmp_path / "out"
    option = "--to" if command[0] == "fetch" else "--out"
    run = [run] if command[0] in ("index", "export", "embed") else []
    with sole_writer(out, "writes here", part):
        code, _, err = keyart(command[0], *run, *command[1:], option, out)
    assert code == 2
    assert (
        err.splitlines()[-1]
        == f"keyart: {option} {out}: process {os.getpid()} on {os.uname().nodename} writes here; wait"
        " for its end, or stop it"
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
