"""The poster store: nothing outside the folder, and no incomplete file."""

import errno
import os
import threading

import pytest

from keyart.catalogue.download.poster_store import BadName, PosterStore, name_fault
from keyart.errors import InputError
from tests.catalogue.download.server import body


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc/x.jpg", "../x.jpg", "a/../../x.jpg", "..\\x.jpg", "C:\\x.jpg", "\\\\host\\x.jpg", "a\0b.jpg"),
        *("a\n.jpg", ".hidden.jpg", "a/.b/c.jpg", "a//b.jpg", "a/ /b.jpg", ".", "a/", "x" * 201, "é" * 101, "\ud800"),
    ],
)
def test_names_that_are_refused(tmp_path, name):
    assert name_fault(name)
    with PosterStore(tmp_path / "posters") as store, pytest.raises(BadName):
        store.write(name, b"x")
    assert [p.name for p in tmp_path.rglob("*")] == ["posters"]


@pytest.mark.parametrize("name", ["tt1.jpg", "a/b/c.jpg", "a\\b.jpg", "Mr. Nobody.jpg", "Amélie – 2001 (1).jpg"])
def test_names_that_are_stored(tmp_path, name):
    with PosterStore(tmp_path / "posters") as store:
        store.write(name, b"x")
        store.write(name, b"y")
    assert (tmp_path / "posters" / name.replace("\\", "/")).read_bytes() == b"y"
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


def test_links_in_the_folder_do_not_lead_out_of_it(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.jpg").write_bytes(b"kept")
    posters = tmp_path / "posters"
    posters.mkdir()
    (posters / "sub").symlink_to(outside)
    (posters / "one.jpg").symlink_to(outside / "kept.jpg")
    (posters / "new.jpg").symlink_to(outside / "new.jpg")
    with PosterStore(posters) as store:
        with pytest.raises(BadName, match="link"):
            store.write("sub/kept.jpg", b"x")
        store.write("one.jpg", b"x")
        store.write("new.jpg", b"x")
        store.sweep("sub")
    assert sorted(p.name for p in outside.iterdir()) == ["kept.jpg"]
    assert (outside / "kept.jpg").read_bytes() == b"kept"
    assert not (posters / "one.jpg").is_symlink()
    assert (posters / "one.jpg").read_bytes() == b"x"


def test_a_folder_in_the_place_of_a_file_is_reported(tmp_path):
    (tmp_path / "posters" / "a.jpg").mkdir(parents=True)
    with PosterStore(tmp_path / "posters") as store, pytest.raises(BadName, match="folder"):
        store.write("a.jpg", b"x")
    assert [p.name for p in (tmp_path / "posters").iterdir()] == ["a.jpg"]


def test_what_was_left_unfinished_is_removed_and_nothing_else(tmp_path):
    posters = tmp_path / "posters"
    (posters / "sub").mkdir(parents=True)
    for name in (".tt1.jpg.ab12.part", "sub/.tt2.jpg.cd34.part", "tt3.part", ".keep"):
        (posters / name).touch()
    with PosterStore(posters) as store:
        store.sweep()
        store.sweep("sub")
        store.sweep("nowhere")
    assert sorted(str(p.relative_to(posters)) for p in posters.rglob("*") if p.is_file()) == [".keep", "tt3.part"]


def test_a_file_in_the_folders_place_is_reported(tmp_path):
    (tmp_path / "posters").touch()
    with pytest.raises(InputError, match="not a folder"):
        PosterStore(tmp_path / "posters")


FAULTS = {
    errno.ENOSPC: (InputError, "no space is left"),
    errno.EFBIG: (InputError, "larger than is allowed"),
    errno.EIO: (OSError, "Input/output error"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_stops_everything_in_one_line(fault, bring, table, server, picture, monkeypatch, tmp_path):
    server.routes = {f"/{n}.jpg": body(picture()) for n in range(4)}

    def full(*ignored, **also_ignored):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "replace", full)
    kind, message = FAULTS[fault]
    with pytest.raises(kind, match=message):
        bring(table({f"{n}": f"/{n}.jpg" for n in range(4)}))
    assert not (tmp_path / "posters").exists()


def test_a_reader_never_sees_half_a_poster(tmp_path):
    posters, stop, seen = tmp_path / "posters", threading.Event(), set()
    with PosterStore(posters) as store:
        store.write("a.jpg", b"0" * 300_000)

        def read():
            while not stop.is_set():
                data = (posters / "a.jpg").read_bytes()
                seen.add((len(data), len(set(data))))

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(40):
            store.write("a.jpg", str(n % 10).encode() * 300_000)
        stop.set()
        reader.join()
    assert seen == {(300_000, 1)}
