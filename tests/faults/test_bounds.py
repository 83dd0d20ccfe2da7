"""Files and numbers beyond a bound are refused before they are read or used; faults of the system are one line."""

import errno
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from keyart.config import preflight, rules
from keyart.errors import InputError
from keyart.images import decode
from keyart.images.decode import BadImage, decode_poster
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


@pytest.fixture(scope="module")
def bombs():
    """Small files of 16 megapixels each, by format."""
    found = {}
    for kind, options in (("WEBP", {"lossless": True}), ("PNG", {}), ("JPEG", {"progressive": True})):
        with io.BytesIO() as file:
            Image.new("RGB", (4000, 4000), (200, 10, 10)).save(file, kind, **options)
            found[kind] = file.getvalue()
    return found


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "JPEG"])
def test_threads_decode_a_bounded_number_of_pixels_at_one_time(kind, bombs, monkeypatch):
    now, most, lock, four = 0, 0, threading.Lock(), threading.Barrier(4, timeout=30)

    def work(_):  # the first step that may decode the whole picture
        nonlocal now, most
        with lock:
            now += 16_000_000
            most = max(most, now)
        four.wait()
        with lock:
            now -= 16_000_000
        return 1

    monkeypatch.setattr(decode, "_orientation", work)
    monkeypatch.setattr(decode, "_fit", lambda _, size: np.zeros((*size, 3), np.uint8))
    monkeypatch.setattr(decode, "_ends_early", lambda *_: False)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: decode_poster(bombs[kind], (96, 64)), range(8)))
    assert most == 4 * 16_000_000 == decode.MAX_PIXELS


def test_a_budget_is_given_back_after_a_fault(bombs, monkeypatch):
    def fail(*_):
        raise OSError("broken")

    monkeypatch.setattr(decode, "_fit", fail)
    for _ in range(5):
        with pytest.raises(BadImage):
            decode_poster(bombs["PNG"], (96, 64))


def test_a_picture_of_too_many_pixels_is_refused_by_its_header():
    with io.BytesIO() as file:
        Image.new("1", (16000, 4100)).save(file, "PNG")
        data = file.getvalue()
    with pytest.raises(BadImage, match="64 megapixels"):
        decode_poster(data, (96, 64))


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_no_image(kind, tmp_path):
    path = tmp_path / "a.jpg"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    _, good, bad = open_pixels([path], (96, 64), cache_dir=tmp_path)
    assert not len(good)
    assert "no regular file" in bad[0].detail


@pytest.mark.parametrize("command", ["check", "embed", "fetch", "search", "recommend", "evaluate-history"])
def test_a_pipe_or_a_device_is_no_table_and_no_query(command, made, keyart, tmp_path):
    run, path = made[2][0][0], tmp_path / "posters.csv"
    os.mkfifo(path)
    line = {
        "check": ["--catalogue", path],
        "embed": [run, "--catalogue", path, "--out", tmp_path / "out"],
        "fetch": ["--catalogue", path, "--to", tmp_path / "out"],
        "search": [run, path],
        "recommend": [run, "--history", path, "--user", "1"],
        "evaluate-history": [run, "--history", path],
    }[command]
    code, _, err = keyart(command, *line)
    assert code == 2
    assert str(path) in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("key", ["model.components", "sampler.batch_size", "evaluation.batch_size", "memory.size"])
def test_a_huge_number_is_refused(key):
    with pytest.raises(InputError, match=f"{key}=1000000000: .*from"):
        preflight(["data=demo", "head=ensemble", f"{key}=1000000000"])


@pytest.mark.parametrize("key", sorted(rules.RULES))
def test_every_whole_number_has_a_bound(key):
    """No key but a seed takes a billion."""
    takes = rules.RULES[key](10**9) is None and rules.RULES[key](0.5) is not None
    assert takes == key.endswith("seed")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["head=ensemble", "model.hidden_size=65536", "model.components=65536"], "has 17,.* weights"),
        (["model.heads=64", "model.landmarks=16384"], "has 427,.* weights"),
        (["head=ensemble", "model.embedding_size=8192", "memory.size=100000"], "memory.size=100000: .* at most 15,258"),
    ],
)
def test_numbers_that_are_huge_together_are_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        preflight(["data=demo", *overrides])


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("backbone", "name", "vit_giant_patch14_dinov2", "the model takes 4,"),
        ("backbone", "image_size", [100_000, 100_000], "the largest is 2048 pixels a side"),
        ("head", "feature_dim", 10**9, "the model takes"),
        ("head", "embedding_size", 10**18, "cannot be read"),
    ],
)
def test_a_foreign_folder_names_no_model_larger_than_its_file(part, key, value, message, made, keyart, tmp_path):
    run = shutil.copytree(made[2][0][0], tmp_path / "run")
    path = run / "embedder" / "embedder.json"
    description = json.loads(path.read_text())
    description[part][key] = value
    path.write_text(json.dumps(description))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, _, err = keyart("search", run, made[1] / "posters" / "p0001.jpg")
    assert code == 2
    assert err.startswith(f"keyart: {path}: cannot be read")
    assert message in err
    assert err.count("\n") == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


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
