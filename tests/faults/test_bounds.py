"""Files and numbers beyond a bound are refused before they are read or used; faults of the system are one line."""

import errno
import os
import subprocess
import sys

import pytest

from keyart.config import preflight
from keyart.errors import InputError
from keyart.images.decode import BadImage
from keyart.images.pixel_cache import open_pixels
from keyart.utils.files import describe_fault

HUGE = 30 << 30


def sparse(path):
    with path.open("wb") as file:
        file.truncate(HUGE)
    return path


def test_a_huge_image_file_is_not_read(tmp_path):
    _, good, bad = open_pixels([sparse(tmp_path / "a.jpg")], (96, 64), cache_dir=tmp_path)
    assert not len(good)
    assert isinstance(bad[0], BadImage)
    assert "larger than 512 MiB" in bad[0].detail


def test_a_huge_table_is_not_read(keyart, tmp_path):
    path = sparse(tmp_path / "posters.csv")
    code, _, err = keyart("check", "--catalogue", path)
    assert code == 2
    assert err.startswith(f"keyart: {path}: cannot be read (larger than 4,096 MiB)")
    assert err.count("\n") == 1


@pytest.mark.parametrize("key", ["model.components", "sampler.batch_size", "evaluation.batch_size"])
def test_a_huge_number_is_refused(key):
    with pytest.raises(InputError, match=f"{key}=1000000000: .*from"):
        preflight(["data=demo", "head=ensemble", f"{key}=1000000000"])


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 250, "a/" * 3000])
@pytest.mark.parametrize("command", ["embed", "index", "export"])
def test_a_name_that_is_too_long_is_one_line(command, name, made, keyart, tmp_path):
    _, posters, ((run, _), _) = made
    more = {
        "embed": ["--catalogue", posters / "catalogue.csv", "--images", posters / "posters"],
        "export": ["--to", "timm"],
        "index": [],
    }[command]
    code, _, err = keyart(command, run, *more, "--out", tmp_path / name)
    assert err.count("\n") <= 1, err
    assert code == (0 if command == "embed" and len(name) == 250 else 2)
    assert code == 0 or (err.startswith("keyart: ") and "name" in err)


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EROFS, errno.ENAMETOOLONG, errno.EACCES, errno.EMFILE, errno.EIO, errno.ELOOP]
)
def test_a_fault_of_the_system_is_one_line(number, keyart, monkeypatch, tmp_path):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr("keyart.runs.run.Run.open", fail)
    monkeypatch.setattr("keyart.api.run.load", fail)
    code, _, err = keyart("evaluate", tmp_path)
    assert (code, err) == (2, f"keyart: {describe_fault(OSError(number, os.strerror(number), str(tmp_path)))}\n")
    assert err.startswith(f"keyart: {tmp_path}: ")


@pytest.mark.parametrize("closed", ["", "2>&-", ">&-", ">&- 2>&-"])
def test_terminals_of_other_encodings_and_closed_streams(closed, tmp_path):
    name = tmp_path / "映画.csv"
    command = f"'{sys.executable}' -m keyart check --catalogue '{name}' {closed}"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert done.stdout == b""
    if "2>" in closed:
        assert done.stderr == b""
    else:
        assert b"\\u6620\\u753b.csv" in done.stderr
        assert done.stderr.count(b"\n") == 1
