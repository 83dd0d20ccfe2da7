"""Only one process at a time writes a folder, on any file system."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys

import pytest

from keyart.errors import InputError
from keyart.utils.folder_lock import acquire, find_writer, release, sole_writer

HOLD = """
import sys, pathlib
from keyart.utils.folder_lock import acquire
acquire(pathlib.Path(sys.argv[1]), 'runs this sweep')
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


def test_the_second_learns_who_holds_it(hold, tmp_path):
    process = hold(tmp_path)
    expected = f"process {process.pid} on {socket.gethostname()} runs this sweep"
    assert expected in find_writer(tmp_path)
    with pytest.raises(InputError, match=expected):
        acquire(tmp_path, "runs this sweep")


def test_a_dead_processs_lock_does_not_hold(hold, tmp_path):
    process = hold(tmp_path)
    process.kill()
    process.wait()
    assert find_writer(tmp_path) is None
    acquire(tmp_path, "runs this sweep")
    try:
        assert str(os.getpid()) in find_writer(tmp_path)
    finally:
        release(tmp_path)
    assert find_writer(tmp_path) is None


def test_another_machines_lock_names_the_file_to_remove(tmp_path):
    record = "1\nelsewhere\n"
    (tmp_path.with_name(f".{tmp_path.name}.running.lock")).write_text(record)
    tmp_path.with_name(f".{tmp_path.name}.running").write_text(
        json.dumps({"pid": 1, "host": "elsewhere", "task": "trains this run"})
    )

    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        summary = find_writer(tmp_path)
    assert "process 1 on elsewhere" in summary
    assert f"remove {tmp_path.parent / f'.{tmp_path.name}.running.lock'}" in summary


def test_looking_leaves_nothing_behind(tmp_path):
    assert find_writer(tmp_path) is None
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))
    with sole_writer(tmp_path, "trains this run"):
        assert "trains this run" in find_writer(tmp_path)
        with pytest.raises(InputError, match=f"process {os.getpid()} "):
            acquire(tmp_path, "trains this run")
    assert not list(tmp_path.parent.glob(f".{tmp_path.name}*"))
    assert not list(tmp_path.iterdir())


def test_parts_of_a_folder_have_a_writer_each(tmp_path):
    with (
        sole_writer(tmp_path, "embeds shard 1/2", "1-of-2"),
        sole_writer(tmp_path, "embeds shard 2/2", "2-of-2"),
        pytest.raises(InputError, match="embeds shard 1/2"),
    ):
        acquire(tmp_path, "embeds shard 1/2", "1-of-2")


def test_a_forked_child_that_outlives_the_writer_does_not_hold(tmp_path):
    write = (
        "import os, sys, pathlib, time\nfrom keyart.utils.folder_lock import acquire\n"
        "acquire(pathlib.Path(sys.argv[1]), 'trains this run')\nchild = os.fork()\n"
        "if not child: time.sleep(60)\nprint(child, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", write, str(tmp_path)], stdout=-1, text=True)
    child = int(process.stdout.readline())
    try:
        process.wait()
        with sole_writer(tmp_path, "trains this run"):
            assert str(os.getpid()) in find_writer(tmp_path)
    finally:
        os.kill(child, 9)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        acquire(tmp_path, "runs this sweep")
