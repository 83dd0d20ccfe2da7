"""Atomic writes: whatever happens in the middle, the old state or the new one is there, and drafts do not pile up."""

import ctypes
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from keyart.utils import files

NAMES = ("data.bin", "about.json")


def write_set(folder, text):
    with files.replacing_folder(folder, NAMES) as draft:
        (draft / "data.bin").write_text(text * 1000)
        files.write_json(draft / "about.json", {"is": text})


def half_a_set(folder, fails):
    with files.replacing_folder(folder, NAMES) as draft:
        (draft / "data.bin").write_text("new")
        if fails:
            raise Fault


def read_set(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


WRITERS = {
    "text": files.write_text,
    "bytes": lambda path, text: files.write_bytes(path, text.encode()),
    "callback": lambda path, text: files.write_atomically(path, lambda file: file.write(text.encode())),
    "json": files.write_json,
}


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


class Fault(Exception):
    """The injected fault."""


def failing(*given, **named):
    raise Fault


@pytest.mark.parametrize("broken", ["fsync", "chmod", "open", "replace"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_fault_in_the_middle_leaves_the_old_file_and_nothing_else(kind, broken, tmp_path, monkeypatch):
    path = tmp_path / "file"
    WRITERS[kind](path, "old")
    before = path.read_bytes()
    if broken == "fsync":
        monkeypatch.setattr(os, "fsync", failing)
    else:
        monkeypatch.setattr(Path, broken, failing)
    with pytest.raises(Fault):
        WRITERS[kind](path, "new")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert left_in(tmp_path) == ["file"]
    WRITERS[kind](path, "new")
    assert b"new" in path.read_bytes()


def test_a_fault_while_the_content_is_written(tmp_path):
    path = tmp_path / "file"
    files.write_text(path, "old")

    def half(file):
        file.write(b"ne")
        raise Fault

    with pytest.raises(Fault):
        files.write_atomically(path, half)
    with pytest.raises(ValueError, match="nan"):
        files.write_json(path, float("nan"))
    assert path.read_text() == "old"
    assert left_in(tmp_path) == ["file"]


@pytest.mark.parametrize("swap", ["one step", "two renames"])
@pytest.mark.parametrize("broken", ["fsync", "block", "rename"])
def test_a_fault_in_the_middle_leaves_the_old_folder(broken, swap, tmp_path, monkeypatch):
    folder = tmp_path / "set"
    if swap == "two renames":
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    elif broken == "rename":
        monkeypatch.setattr(files, "_exchange", failing)
    write_set(folder, "old")
    before = read_set(folder)
    with monkeypatch.context() as patched:
        if broken == "fsync":
            patched.setattr(os, "fsync", failing)
        elif broken == "rename":
            patched.setattr(Path, "rename", failing)
        with pytest.raises(Fault):
            half_a_set(folder, fails=broken == "block")
    assert read_set(folder) == before
    assert left_in(tmp_path) == ["set"]


@pytest.mark.parametrize("swap", ["one step", "two renames"])
def test_a_folder_is_replaced_and_others_files_stay(swap, tmp_path, monkeypatch):
    if swap == "two renames":
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    folder = tmp_path / "deep" / "set"
    write_set(folder, "old")
    (folder / "mine").mkdir()
    (folder / "mine" / "file").write_text("keep me")
    folder.chmod(0o750)
    with files.replacing_folder(folder, NAMES) as draft:
        (draft / "about.json").write_text("new")
        assert read_set_names(folder) == ["about.json", "data.bin", "mine"]
    assert read_set_names(folder) == ["about.json", "mine"]  # data.bin belonged to the old set
    assert (folder / "mine" / "file").read_text() == "keep me"
    assert (folder / "about.json").read_text() == "new"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert left_in(folder.parent) == ["set"]


def read_set_names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_working_directory_is_filled_where_it_is(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    write_set(folder, "old")
    number = folder.stat().st_ino
    monkeypatch.chdir(folder)
    write_set(Path(), "new")
    assert folder.stat().st_ino == number
    assert read_set(folder)["data.bin"] == "new" * 1000
    assert left_in(folder) == sorted(NAMES)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError):
        write_set(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "mine"


WRITER = """
    import sys, time
    from pathlib import Path
    from keyart.utils import files

    path, kind = Path(sys.argv[1]), sys.argv[2]

    def wait():
        print("writing", flush=True)
        time.sleep(60)

    def slow(file):
        file.write(b"new")
        file.flush()
        wait()

    if kind == "file":
        files.write_atomically(path, slow)
    else:
        if kind == "two renames":
            files._exchange = lambda one, other: False
            rename = Path.rename
            # The second of the renames is never reached.
            Path.rename = lambda self, to: wait() if self.name.endswith(".part") else rename(self, to)
        with files.replacing_folder(path, ("data.bin", "about.json")) as draft:
            (draft / "data.bin").write_text("new")
            if kind == "folder":
                wait()
"""


def killed(path, kind):
    """Start a writer, and kill it in the middle of its write."""
    line = [sys.executable, "-c", textwrap.dedent(WRITER), str(path), kind]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        drafts = [one for one in path.parent.iterdir() if one != path]
        process.send_signal(signal.SIGKILL)
    return drafts


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_clears_its_draft(tmp_path):
    path = tmp_path / "file"
    files.write_text(path, "old")
    [draft] = killed(path, "file")
    assert path.read_text() == "old"
    assert draft.exists()
    files.write_text(tmp_path / "other", "another file's writer does not touch it")
    assert draft.exists()
    files.write_text(path, "newer")
    assert left_in(tmp_path) == ["file", "other"]
    assert path.read_text() == "newer"


def test_a_killed_writer_leaves_the_old_folder(tmp_path):
    folder = tmp_path / "set"
    write_set(folder, "old")
    before = read_set(folder)
    [draft] = killed(folder, "folder")
    assert read_set(folder) == before
    assert draft.exists()
    write_set(folder, "newer")
    assert left_in(tmp_path) == ["set"]
    assert read_set(folder)["data.bin"] == "newer" * 1000


def test_what_is_killed_between_two_renames_is_undone_by_the_next_writer(tmp_path):
    folder = tmp_path / "set"
    write_set(folder, "old")
    (folder / "mine").write_text("keep me")
    before = read_set(folder)
    killed(folder, "two renames")
    assert not folder.exists()
    with pytest.raises(Fault), files.replacing_folder(folder, NAMES):
        raise Fault
    assert read_set(folder) == before
    assert left_in(tmp_path) == ["set"]


def test_what_a_killed_exchange_has_left_is_moved_back(tmp_path):
    folder = tmp_path / "set"
    write_set(folder, "new")
    old = tmp_path / f".set.{files._place()}-{dead_pid()}-0.part"
    old.mkdir()
    (old / "data.bin").write_text("old")
    (old / "mine").write_text("keep me")
    write_set(folder, "newer")
    assert read_set(folder)["mine"] == "keep me"
    assert read_set(folder)["data.bin"] == "newer" * 1000
    assert left_in(tmp_path) == ["set"]


def dead_pid():
    with subprocess.Popen(["true"]) as process:
        pass
    return process.pid


def test_drafts_of_living_processes_and_of_other_machines_stay_unless_the_writer_is_alone(tmp_path):
    path = tmp_path / "file"
    here = files._place()
    stay = [f".file.{here}-{os.getppid()}-0.part", ".file.elsewhere-1-0.part", ".file.x.part"]
    go = [f".file.{here}-{dead_pid()}-0.part", f".file.{here}-{os.getpid()}-0.part", ".file.elsewhere-2-0.part"]
    for name in (*stay, *go):
        (tmp_path / name).touch()
    os.utime(tmp_path / go[-1], times=(time.time() - 90_000,) * 2)
    files.write_text(path, "text")
    assert left_in(tmp_path) == sorted(["file", *stay])
    files.write_atomically(path, lambda file: file.write(b"alone"), alone=True)
    assert left_in(tmp_path) == ["file"]


def test_two_writers_of_one_file_in_a_process_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "file[1]"

    def slow(file):
        files.write_text(path, "inner")
        file.write(b"outer")

    files.write_atomically(path, slow)
    assert path.read_text() == "outer"
    assert left_in(tmp_path) == ["file[1]"]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "renameat2"), reason="the system has no exchange")
def test_two_paths_are_exchanged_in_one_step(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "of a").touch()
    (tmp_path / "b").mkdir()
    assert files._exchange(tmp_path / "a", tmp_path / "b")
    assert left_in(tmp_path / "b") == ["of a"]
    assert not files._exchange(tmp_path / "a", tmp_path / "none")


def test_ctrl_c_stays_ctrl_c_where_a_writer_fails_as_it_leaves(tmp_path):
    """PyTorch completes its file as it leaves, and raises an error of its own over the interrupt."""
    path = tmp_path / "a.ckpt"
    path.write_text("old")

    def write(file):
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("unexpected pos")

    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(path, write)
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]


def test_messages_name_a_file_and_not_its_draft(tmp_path):
    named = []
    with files.replacing_folder(tmp_path / "out", ("x.bin",)) as folder, files.atomic_path(folder / "x.bin") as draft:
        named += [files.without_drafts(str(draft)), files.describe_fault(OSError(28, "full", str(draft)))]
        draft.write_text("")
    assert named[0] == str(tmp_path / "out" / "x.bin")
    assert named[1].startswith(f"{named[0]}: no space is left there")
