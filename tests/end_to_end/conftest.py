"""`train.py` as users run it: in this process, or in a separate one if the test kills it."""

import logging
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from keyart.utils.checkpoint_files import read_checkpoint
from tests.forked import forking, heed_ctrl_c

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "experiment=plain",
    "data=posters",
    "data.image_size=[96,64]",
    "trainer=cpu",
    "training.precision=fp32",
    "sampler.batch_size=32",
    "model.hidden_size=64",
    "model.embedding_size=16",
    "callbacks.progress=false",
]


@pytest.fixture
def train_here(tmp_path, monkeypatch, capfd):
    """`train.py` in this process, in an empty folder: (exit code, standard output, standard error)."""

    def call(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py"), *arguments])
        GlobalHydra.instance().clear()
        handlers, level = logging.root.handlers[:], logging.root.level
        code = 0
        try:
            with forking():
                runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
        except SystemExit as stop:
            code = stop.code
        finally:
            GlobalHydra.instance().clear()
            logging.root.handlers[:], logging.root.level = handlers, level
        out, err = capfd.readouterr()
        return code, out, err

    call.folder = tmp_path
    return call


def start_train(folder: Path, *arguments) -> subprocess.Popen:
    """Start `train.py` in a separate process in ``folder``."""
    with forking():
        return subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests themselves run in the background of a shell, Ctrl-C is ignored, and by their children too.
            preexec_fn=heed_ctrl_c,
        )


def kill_from_step(process: subprocess.Popen, folder: Path, step: int) -> None:
    """Kill a training as soon as the checkpoint in its ``folder`` is of this step or a later one."""
    last, done = folder / "checkpoints" / "last.ckpt", 0
    while done < step and process.poll() is None:
        time.sleep(0.02)
        if last.is_file():
            done = read_checkpoint(last)["global_step"]
    process.kill()
    process.wait()
    assert not (folder / "metrics.json").exists(), "finished before it could be killed"
