"""`train.py` in separate processes, which are found by a mark in their environment even if their parent has ended."""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, SMALL
from tests.forked import forking, heed_ctrl_c
from tests.helpers import draw_posters

MARK = "KEYART_TEST"


def processes_with(mark: str) -> dict[int, str]:
    """Return the command lines of running processes whose environment contains a mark, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def wait_for(condition, seconds: float = 120):
    """Wait until a function returns a true value, and return that value."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


class Training:
    """A running `train.py`, with all processes that it starts."""

    def __init__(self, folder: Path, *arguments: str, **environment: str):
        self.mark = secrets.token_hex(8)
        about = {**os.environ, MARK: self.mark, **environment}
        paths = [str(ROOT / "src"), str(ROOT), about.get("PYTHONPATH", "")]
        about["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        with forking():
            self.process = subprocess.Popen(command, cwd=folder, **pipes, text=True, env=about, preexec_fn=heed_ctrl_c)

    def workers(self) -> list[int]:
        """Return the processes that it started for data-parallel training."""
        return sorted(pid for pid, line in processes_with(self.mark).items() if "keyart.launch.ddp.worker" in line)

    def ended(self, seconds: float = 240) -> tuple[int, str, str]:
        """Wait for the end; return exit code, standard output and standard error."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err

    def left(self) -> dict[int, str]:
        """Return its processes that still run shortly after its end."""
        until = time.monotonic() + 15
        while (found := processes_with(self.mark)) and time.monotonic() < until:
            time.sleep(0.1)
        return found


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Arguments of a small training on generated posters, in the test's own cache."""
    posters = draw_posters(tmp_path_factory.mktemp("posters"), 200)
    plain = [argument for argument in SMALL if not argument.startswith("trainer=")]
    return [
        *plain,
        "callbacks.report=false",
        f"data.catalogue={posters / 'catalogue.csv'}",
        f"data.images={posters / 'posters'}",
        "trainer=ddp",
        "trainer.accelerator=cpu",
    ]


@pytest.fixture
def start(tmp_path):
    """Start a training in an empty folder; its remaining processes are killed at the end."""
    begun = []

    def begin(*arguments, **environment):
        begun.append(Training(tmp_path, *arguments, **environment))
        return begun[-1]

    begin.folder = tmp_path
    yield begin
    for training in begun:
        for pid in processes_with(training.mark):
            os.kill(pid, 9)
        training.process.wait()
