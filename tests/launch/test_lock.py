"""One process holds a sweep's folder, whatever file system it lies on."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys

import pytest

from keyart.errors import InputError
from keyart.launch.sweep.lock import claim, let_go, who_runs

HOLD = """
import sys, pathlib
from keyart.launch.sweep.lock import claim
claim(pathlib.Path(sys.argv[1]))
print('held', flush=True)
input()
"""
BROKEN = "import fcntl\ndef refuse(*_): raise OSError({}, 'no locks')\nfcntl.flock = refuse\n"


@pytest.fixture(params=[None, errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP], ids=["locks", "ENOLCK", "ENOSYS", "ENOTSUP"])
def hold(request, monkeypatch):
    """Start a process that holds a folder; with a file system that has locks, and with ones that have none."""
    prefix = ""
    if request.param is not None:
        prefix = BROKEN.format(request.param)

        def refuse(*_):
            raise OSError(request.param, "no locks")

        monkeypatch.setattr(fcntl, "flock", refuse)
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", prefix + HOLD, str(folder)], stdin=-1, stdout=-1, stderr=-1, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n", process.stderr.read()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_the_second_is_told_who_holds_it(hold, tmp_path):
    process = hold(tmp_path)
    wanted = f"process {process.pid} on {socket.gethostname()} runs this sweep"
    assert wanted in who_runs(tmp_path)
    with pytest.raises(InputError, match=wanted):
        claim(tmp_path)


def test_a_dead_processs_lock_does_not_hold(hold, tmp_path):
    process = hold(tmp_path)
    process.kill()
    process.wait()
    assert who_runs(tmp_path) is None
    claim(tmp_path)
    try:
        assert str(os.getpid()) in who_runs(tmp_path)
    finally:
        let_go(tmp_path)
    assert who_runs(tmp_path) is None


def test_another_machines_lock_names_the_file_to_remove(tmp_path):
    record = "1\nelsewhere\n"
    (tmp_path / ".running.lock").write_text(record)
    (tmp_path / ".running.json").write_text(json.dumps({"pid": 1, "host": "elsewhere"}))

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        told = who_runs(tmp_path)
    assert "process 1 on elsewhere" in told
    assert f"remove {tmp_path / '.running.lock'}" in told


def test_looking_leaves_nothing_behind(tmp_path):
    assert who_runs(tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        claim(tmp_path)
