"""The pixel cache: its content, when it decodes again, and the effects of killed and concurrent builds."""

import errno
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from keyart.errors import InputError
from keyart.images import pixel_cache as pixels_module
from keyart.images.decode import BadImage, decode_poster
from keyart.images.pixel_cache import open_pixels
from keyart.images.pixel_store import PixelStore
from keyart.utils.processes import usable_cores

SIZE = (48, 32)


@pytest.fixture
def paths(tmp_path, files):
    folder = tmp_path / "images"
    folder.mkdir()
    created = []
    for i in range(12):
        path = folder / f"{i:02}.jpg"
        path.write_bytes(files.encode(files.noise(96, 64, seed=i), "JPEG"))
        created.append(path)
    return created


@pytest.fixture
def decoded(monkeypatch):
    """Contents of all files that were decoded."""
    contents = []
    decode = pixels_module.decode_poster
    monkeypatch.setattr(
        pixels_module, "decode_poster", lambda data, size: (contents.append(data), decode(data, size))[1]
    )
    return contents


def assert_holds(cache, paths):
    assert len(cache) == len(paths)
    for i, path in enumerate(paths):
        np.testing.assert_array_equal(cache[i], decode_poster(path.read_bytes(), cache.image_size))


def test_holds_what_decoding_gives(paths, tmp_path):
    cache, good, bad = open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert_holds(cache, paths)
    assert good.tolist() == list(range(12))
    assert not bad
    assert cache.image_size == SIZE
    assert cache.nbytes == 12 * 48 * 32 * 3


def test_take_gathers_in_any_order(paths, tmp_path):
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    order = [7, 0, 7, 11]
    batch = cache.take(order)
    assert batch.dtype == torch.uint8
    assert batch.shape == (4, 48, 32, 3)
    np.testing.assert_array_equal(batch.numpy(), np.stack([cache[i] for i in order]))
    assert cache.take(torch.tensor(order)).equal(batch)
    out = torch.zeros_like(batch)
    assert cache.take(np.array(order), out=out) is out
    assert out.equal(batch)
    batch.zero_()  # the batch is a copy
    assert cache.take(order).equal(out)
    assert cache.take([]).shape == (0, 48, 32, 3)


@pytest.mark.parametrize("position", [-1, 12])
def test_take_refuses_positions_out_of_range(paths, tmp_path, position):
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    with pytest.raises(IndexError):
        cache.take([0, position])


def test_pixels_cannot_be_written(paths, tmp_path):
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        cache[0][:] = 0


def test_a_warm_start_decodes_nothing(paths, tmp_path, decoded):
    (tmp_path / "images" / "bad.jpg").write_text("no image")
    mixed = [*paths, tmp_path / "images" / "bad.jpg"]
    first = open_pixels(mixed, SIZE, cache_dir=tmp_path)
    assert len(decoded) == 13
    lines = []
    second = open_pixels(mixed, SIZE, cache_dir=tmp_path, progress=lambda *at: lines.append(at))
    assert len(decoded) == 13
    assert not lines
    assert first[0].digest == second[0].digest
    assert {i: str(why) for i, why in first[2].items()} == {i: str(why) for i, why in second[2].items()}


def test_a_changed_file_is_decoded_anew_and_it_alone(paths, tmp_path, files, decoded):
    before, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    old = before[4].copy()
    times = paths[4].stat()
    paths[4].write_bytes(files.encode(files.noise(96, 64, seed=99), "JPEG"))
    os.utime(paths[4], ns=(times.st_atime_ns, times.st_mtime_ns))  # not detected by the modification time
    after, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert len(decoded) == 13
    assert after.digest != before.digest
    assert_holds(after, paths)
    np.testing.assert_array_equal(before[4], old)  # a reader of the old pixels still works


def test_the_digest_stands_for_content_order_and_size(paths, tmp_path):
    digest = open_pixels(paths, SIZE, cache_dir=tmp_path)[0].digest
    assert open_pixels(paths, SIZE, cache_dir=tmp_path / "other")[0].digest == digest
    assert open_pixels(paths[::-1], SIZE, cache_dir=tmp_path)[0].digest != digest
    assert open_pixels(paths, (48, 48), cache_dir=tmp_path)[0].digest != digest
    assert open_pixels(paths[:11], SIZE, cache_dir=tmp_path)[0].digest != digest
    moved = tmp_path / "elsewhere.jpg"
    paths[0].rename(moved)
    assert open_pixels([moved, *paths[1:]], SIZE, cache_dir=tmp_path)[0].digest == digest


def test_posters_are_shared_between_catalogues(paths, tmp_path, decoded):
    open_pixels(paths[:8], SIZE, cache_dir=tmp_path)
    some, _, _ = open_pixels([paths[9], paths[3], paths[3]], SIZE, cache_dir=tmp_path)
    assert len(decoded) == 9
    assert_holds(some, [paths[9], paths[3], paths[3]])
    assert_holds(some.select([1]), [paths[3]])


def test_bad_files_are_reported_by_position_and_left_out(paths, tmp_path, files):
    folder = tmp_path / "images"
    faulty = {
        "gone.jpg": None,
        "text.jpg": b"This is no image.",
        "cut.jpg": paths[0].read_bytes()[:900],
        "bomb.png": files.png_that_claims(10_000, 10_000),
        "dot.png": files.encode(files.noise(8, 8), "PNG"),
        "strip.png": files.encode(files.noise(20, 400), "PNG"),
    }
    for name, data in faulty.items():
        if data is not None:
            (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    mixed = [paths[0], *(folder / name for name in faulty), folder / "folder.jpg", paths[1]]
    for _ in range(2):  # cold and warm
        cache, good, bad = open_pixels(mixed, SIZE, cache_dir=tmp_path)
        assert good.tolist() == [0, 8]
        assert_holds(cache, [paths[0], paths[1]])
        assert {i: why.kind for i, why in bad.items()} == {
            1: "missing image",
            2: "unreadable image",
            3: "truncated image",
            4: "huge image",
            5: "tiny image",
            6: "extreme shape",
            7: "unreadable image",
        }


def test_another_pillow_tries_bad_files_again(paths, tmp_path, monkeypatch, decoded):
    paths[0].write_text("no image yet")
    open_pixels(paths, SIZE, cache_dir=tmp_path)
    monkeypatch.setattr("PIL.__version__", "999.0")
    open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert decoded[12:] == [b"no image yet"]


def test_stricter_checks_look_at_known_files_again(paths, tmp_path, monkeypatch, decoded):
    digest = open_pixels(paths, SIZE, cache_dir=tmp_path)[0].digest
    monkeypatch.setattr("keyart.images.pixel_store.CHECKING_VERSION", 99)
    assert open_pixels(paths, SIZE, cache_dir=tmp_path)[0].digest == digest  # their cached data stays valid
    assert len(decoded) == 24


def test_progress_counts_to_the_end(paths, tmp_path, capsys):
    lines = []
    open_pixels(paths, SIZE, cache_dir=tmp_path, progress=lambda done, total: lines.append((done, total)))
    assert lines[-1] == (12, 12)
    assert not capsys.readouterr().out


def test_survives_pickling(paths, tmp_path):
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    data = pickle.dumps(cache)
    assert len(data) < cache.nbytes / 4
    again = pickle.loads(data)
    assert again.digest == cache.digest
    assert_holds(again, paths)


@pytest.mark.parametrize("size", [(8, 32), (48, 5000), (48,)])
def test_image_size_is_checked(paths, tmp_path, size):
    with pytest.raises(InputError, match=r"data\.image_size"):
        open_pixels(paths, size, cache_dir=tmp_path)


def test_a_cache_that_cannot_be_made_is_reported_in_one_line(paths, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="KEYART_CACHE") as caught:
        open_pixels(paths, SIZE, cache_dir=tmp_path / "file")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_reported_in_one_line_and_nothing_is_taken_for_whole(paths, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"no space is left there; make room, or set KEYART_CACHE"):
            open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert not PixelStore(SIZE, tmp_path).found()
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert_holds(cache, paths)


def run(code: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


BUILD = """
    import os, signal, sys, time
    from pathlib import Path
    from keyart.images import pixel_cache as pixels
    folder, cache, tag, die_after = Path({folder!r}), {cache!r}, {tag!r}, {die_after}
    pixels._PIECE = 4
    decode, count = pixels.decode_poster, 0
    def slowly(data, size):
        global count
        count += 1
        if count > die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return decode(data, size)
    pixels.decode_poster = slowly
    (folder / ("ready-" + tag)).touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
    built, good, bad = pixels.open_pixels(sorted(folder.glob("*.jpg")), {size}, cache_dir=cache)
    print(count, built.digest, int(built.take(range(len(built))).sum()))
"""


def test_two_processes_build_at_once(paths, tmp_path):
    folder, cache = paths[0].parent, tmp_path / "cache"
    builders = [
        run(BUILD.format(folder=str(folder), cache=str(cache), tag=tag, die_after=10**9, size=SIZE)) for tag in "ab"
    ]
    wait_for(folder / "ready-a", folder / "ready-b")
    (folder / "go").touch()
    lines = []
    for builder in builders:
        out, err = builder.communicate(timeout=180)
        assert builder.returncode == 0, err
        lines.append(out.split())
    counts, digests, sums = zip(*lines, strict=True)
    assert sum(int(count) for count in counts) == len(paths)  # nothing is decoded twice
    own, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path / "own")
    assert set(digests) == {own.digest}
    assert set(sums) == {str(int(own.take(range(12)).sum()))}


def test_a_killed_build_leaves_nothing_that_is_taken_for_whole(paths, tmp_path, decoded):
    folder, cache = paths[0].parent, tmp_path / "cache"
    (folder / "go").touch()
    builder = run(BUILD.format(folder=str(folder), cache=str(cache), tag="k", die_after=7, size=SIZE))
    builder.communicate(timeout=180)
    assert builder.returncode == -signal.SIGKILL
    found = PixelStore(SIZE, cache).found()
    assert len(found) == 4  # one chunk of four was committed
    built, _, _ = open_pixels(paths, SIZE, cache_dir=cache)
    assert_holds(built, paths)
    assert len(decoded) == 8  # and is not decoded again


def test_pixels_without_a_hash_are_overwritten(paths, tmp_path):
    """A build can die between writing the pixels and their hashes, or in the middle of either."""
    open_pixels(paths[:4], SIZE, cache_dir=tmp_path)
    store = PixelStore(SIZE, tmp_path)
    with store.rows_path.open("ab") as file:
        file.write(b"\xff" * (store.row_bytes + 100))
    with (store.folder / "hashes.bin").open("ab") as file:
        file.write(b"\xff" * 5)
    assert len(store.found()) == 4
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert_holds(cache, paths)
    assert store.rows_path.stat().st_size == 12 * store.row_bytes


@pytest.mark.parametrize("left", [0, 3])
def test_lost_pixels_are_decoded_again(paths, tmp_path, left):
    open_pixels(paths, SIZE, cache_dir=tmp_path)
    store = PixelStore(SIZE, tmp_path)
    if left:
        os.truncate(store.rows_path, left * store.row_bytes + 7)
    else:
        store.rows_path.unlink()
    cache, _, _ = open_pixels(paths, SIZE, cache_dir=tmp_path)
    assert_holds(cache, paths)


def test_a_file_that_changes_while_it_is_read(paths, tmp_path, monkeypatch):
    read = pixels_module._read
    seen = set()

    def changing(path: Path) -> bytes:
        data = read(path)
        if path == paths[5] and path in seen:
            return data + b"\0"
        seen.add(path)
        return data

    monkeypatch.setattr(pixels_module, "_read", changing)
    with pytest.raises(InputError, match=r"05\.jpg: changed while"):
        open_pixels(paths, SIZE, cache_dir=tmp_path)


def wait_for(*paths: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not all(path.exists() for path in paths):
        assert time.monotonic() < until, f"{paths} did not appear"
        time.sleep(0.01)


@pytest.mark.posters
def test_warm_start_on_real_posters_is_quick(real_posters):
    paths = real_posters.catalogue.paths
    decoded, costs = [], []
    for _ in range(3):
        start = time.process_time()  # of all threads; other processes on the machine do not count
        cache, _, bad = open_pixels(
            paths,
            real_posters.pixels.image_size,
            cache_dir=real_posters.pixels.folder.parents[1],
            progress=lambda done, total: decoded.append((done, total)),
        )
        costs.append((time.process_time() - start) / usable_cores())
    assert cache.digest == real_posters.pixels.digest
    assert not bad
    assert not decoded
    assert min(costs) < 1.5


def test_a_record_of_unusable_images_that_has_changed_is_not_believed(tmp_path):
    store = PixelStore((96, 64), tmp_path)
    store.folder.mkdir(parents=True, exist_ok=True)
    store.append_bad({b"0" * 16: BadImage("tiny image", "8 x 8", "replace the file")})
    (known,) = store.bad().values()
    assert (known.kind, known.detail) == ("tiny image", "8 x 8")
    record = store.folder / "bad.json"
    record.write_text(record.read_text().replace("tiny", "tinx"))
    assert store.bad() == {}
