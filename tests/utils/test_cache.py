"""The root of the cache, and atomic file writes."""

import errno
from pathlib import Path

import pytest

from keyart.errors import InputError
from keyart.utils.cache import cache_folder, cache_root, report_storage_errors, write_atomically


def test_root(monkeypatch, tmp_path):
    monkeypatch.setenv("KEYART_CACHE", str(tmp_path / "here"))
    assert cache_root() == tmp_path / "here"
    assert cache_folder("pixels") == tmp_path / "here" / "pixels"
    assert cache_folder("pixels").is_dir()
    assert cache_folder("features", tmp_path / "there") == tmp_path / "there" / "features"
    monkeypatch.setenv("KEYART_CACHE", "~/posters")
    assert cache_root() == Path.home() / "posters"
    monkeypatch.delenv("KEYART_CACHE")
    assert cache_root() == Path.home() / ".cache" / "keyart"


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "pixels").write_text("")
    with pytest.raises(InputError, match="KEYART_CACHE"):
        cache_folder("pixels", tmp_path)


def test_faults_of_storage_are_reported_and_others_pass(tmp_path):
    with pytest.raises(InputError, match="no space is left"), report_storage_errors(tmp_path):
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(BrokenPipeError), report_storage_errors(tmp_path):
        raise BrokenPipeError(errno.EPIPE, "broken")


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "kept.bin"
    write_atomically(path, lambda file: file.write(b"first"))

    def fails(file):
        file.write(b"second, in part")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_atomically(path, fails)
    assert path.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.bin"]
    write_atomically(path, lambda file: file.write(b"third"))
    assert path.read_bytes() == b"third"
