"""Tests of the cache: sizes by part, and deletion without any other effect."""

import re
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import numpy as np
import pytest

from keyart.cli.doctor.caches import PARTS, cache_findings, clear_cache
from keyart.cli.doctor.finding import healthy
from keyart.errors import InputError
from keyart.utils import cache, paths


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Create a cache with a file in each part."""
    root = tmp_path / "cache"
    for file, size in (("pixels/v1-8x8/rows.u8", 9000), ("features/abc.npy", 5000), ("demo/1/posters/a.jpg", 100)):
        (root / file).parent.mkdir(parents=True)
        (root / file).write_bytes(bytes(range(256)) * (size // 256 + 1))
    (root / "pixels" / "v1-8x8" / "lock").touch()
    (root / "features" / "abc.lock").touch()
    (root / "features" / ".abc.npy.x.part").touch()
    (root / "else.txt").write_text("not a part")
    monkeypatch.setenv("KEYART_CACHE", str(root))
    return root


def left(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


def test_there_is_one_cache():
    assert paths.cache_root() == cache.cache_root()


def test_whatever_is_cached_can_be_cleared():
    sources = Path(cache.__file__).parents[2].rglob("*.py")
    text = "".join(path.read_text() for path in sources)
    found = {*re.findall(r"""cache_(?:folder\(|root\(\) / )f?"([a-z]+)""", text)}
    assert found - {"references"} == {*PARTS}  # into that one, people put files


def test_the_parts_are_reported_with_their_sizes_and_how_to_clear_them(root):
    findings = {finding.name: finding for finding in cache_findings()}
    assert list(findings) == ["cache", *(f"cache: {part}" for part in PARTS)]
    assert findings["cache"].values["path"] == str(root)
    pixels = findings["cache: pixels"]
    assert pixels.values["files"] == 1  # locks are not counted
    assert pixels.values["bytes"] == (root / "pixels" / "v1-8x8" / "rows.u8").stat().st_size
    assert pixels.fix == "keyart doctor --clear-cache pixels"
    assert findings["cache: features"].values["files"] == 2
    assert healthy(findings.values())


def test_a_cache_that_is_not_there_yet_is_in_order(tmp_path):
    findings = cache_findings(tmp_path / "not" / "yet")
    assert {finding.state for finding in findings} == {"ok"}
    assert not (tmp_path / "not").exists()


def test_a_cache_that_cannot_be_written_breaks_keyart(tmp_path):
    (tmp_path / "file").touch()
    [place, *_] = cache_findings(tmp_path / "file" / "cache")
    assert place.broken
    assert "KEYART_CACHE" in place.fix


def test_a_full_disk_is_reported(root, monkeypatch):
    monkeypatch.setattr("keyart.cli.doctor.caches._LITTLE_SPACE", 2**60)
    [place, *_] = cache_findings()
    assert place.state == "fault"
    assert not place.broken


def test_only_the_named_part_is_emptied(root):
    before = left(root)
    size = (root / "features" / "abc.npy").stat().st_size
    assert clear_cache(["features"]) == {"features": size}
    assert before - left(root) == {"features/abc.npy", "features/.abc.npy.x.part"}
    assert "else.txt" in left(root)


def test_all_parts_leave_only_locks_and_what_is_no_part(root):
    clear_cache(["pixels", "features", "demo"])
    assert left(root) == {"else.txt", "features/abc.lock", "pixels/v1-8x8/lock"}
    assert not (root / "demo" / "1").exists()
    assert clear_cache(["pixels", "demo"]) == {"pixels": 0, "demo": 0}


def test_links_are_removed_and_not_followed(root, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep me")
    (root / "demo" / "folder").symlink_to(precious)
    (root / "demo" / "file").symlink_to(precious / "file")
    clear_cache(["demo"])
    assert (precious / "file").read_text() == "keep me"
    assert list((root / "demo").iterdir()) == []


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_part_that_is_being_written_is_left_alone(root):
    before = left(root)
    with Popen([sys.executable, "-c", HOLD, root / "features" / "abc.lock"], stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another process is writing"):
            clear_cache(["pixels", "features"])
        assert left(root) == before
        holder.stdin.close()
    assert clear_cache(["pixels", "features"])["features"] > 0


@pytest.mark.parametrize("where", ["home", "working directory", "above both"])
def test_a_folder_of_other_things_is_never_emptied(tmp_path, monkeypatch, where):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    root = {"home": tmp_path / "home", "working directory": tmp_path / "work", "above both": tmp_path}[where]
    (root / "demo").mkdir()
    (root / "demo" / "mine.txt").touch()
    monkeypatch.setenv("KEYART_CACHE", str(root))
    with pytest.raises(InputError, match="nothing is removed"):
        clear_cache(["demo"])
    assert (root / "demo" / "mine.txt").exists()


def test_what_was_cleared_is_made_again(poster_folder, tmp_path, monkeypatch):
    pixels = pytest.importorskip("keyart.images.pixel_cache")
    monkeypatch.setenv("KEYART_CACHE", str(tmp_path / "cache"))
    files = sorted((poster_folder / "posters").iterdir())[:4]
    opened, _, _ = pixels.open_pixels(files, (32, 24))
    first = np.array([opened[i] for i in range(4)])
    assert clear_cache(["pixels"])["pixels"] >= first.nbytes
    np.testing.assert_array_equal(np.array([opened[i] for i in range(4)]), first)  # still open
    again, _, _ = pixels.open_pixels(files, (32, 24))
    np.testing.assert_array_equal(np.array([again[i] for i in range(4)]), first)
