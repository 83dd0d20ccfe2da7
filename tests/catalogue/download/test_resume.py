"""Resumed downloads: a downloaded folder works as the table's images, and existing posters are not downloaded again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keyart.catalogue.reader import read_catalogue
from tests.catalogue.download.server import body, status

pytest.importorskip("aiohttp")


def test_the_folder_serves_as_images_of_the_same_table(bring, table, server, picture, tmp_path):
    urls = {"114709": "/1.jpg", "0112453": "/2.jpg", "10872600": "/3.png"}
    server.routes = {
        "/1.jpg": body(picture(1)),
        "/2.jpg": body(picture(2)),
        "/3.png": body(picture(3, "PNG")),
    }
    catalogue = table(urls)
    assert bring(catalogue).fetched == 3
    read, problems = read_catalogue(catalogue, tmp_path / "posters")
    assert problems == []
    assert list(read.ids) == ["tt0114709", "tt0112453", "tt10872600"]
    assert list(read.files) == ["tt0114709.jpg", "tt0112453.jpg", "tt10872600.png"]


def test_a_table_that_names_images_gets_them_under_those_names(bring, server, picture, tmp_path):
    server.routes = {f"/{n}": body(picture(n)) for n in range(4)}
    path = tmp_path / "t.csv"
    path.write_text(
        "img,genres,poster_url\n"
        f"a/one.jpg,Drama,{server.url}/0\n"
        f"Mr. Nobody,War,{server.url}/1\n"
        f"../out.jpg,War,{server.url}/2\n"
        f"/tmp/abs.jpg,War,{server.url}/3\n"
    )
    fetched = bring(path)
    assert [poster.reason for poster in fetched.missing] == ["the name leads out of the folder"] * 2
    assert server.asked.keys() == {"/0", "/1"}
    read, problems = read_catalogue(path, tmp_path / "posters")
    assert list(read.files) == ["a/one.jpg", "Mr. Nobody.jpg"]
    assert len(problems) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["posters", "t.csv"]


def test_what_is_there_and_whole_is_not_fetched_again(bring, table, server, picture, tmp_path):
    posters = tmp_path / "posters"
    posters.mkdir()
    urls = {f"{n}": f"/{n}.jpg" for n in range(1, 7)}
    server.routes = {url: body(picture(int(n))) for n, url in urls.items()}
    whole = picture(1)
    (posters / "tt0000001.jpg").write_bytes(whole)
    (posters / "2.jpg").write_bytes(picture(2))  # a spelling that the reader accepts
    (posters / "tt0000003.png").write_bytes(picture(3, "PNG"))
    (posters / "tt0000004.jpg").write_bytes(whole[: len(whole) // 2])
    (posters / "tt0000005.jpg").write_bytes(b"<html>")
    fetched = bring(table(urls))
    assert (fetched.present, fetched.fetched, fetched.missing) == (3, 3, [])
    assert server.asked.keys() == {"/4.jpg", "/5.jpg", "/6.jpg"}
    assert (posters / "tt0000004.jpg").read_bytes() == picture(4)
    again = bring(table(urls))
    assert (again.present, again.fetched) == (6, 0)
    assert sum(server.asked.values()) == 3


def test_a_poster_that_cannot_be_had_leaves_what_was_there(bring, table, server, picture, tmp_path):
    posters = tmp_path / "posters"
    posters.mkdir()
    (posters / "tt0000001.jpg").write_bytes(b"broken, yet mine")
    server.routes["/1.jpg"] = status(404)
    assert len(bring(table({"1": "/1.jpg"})).missing) == 1
    assert (posters / "tt0000001.jpg").read_bytes() == b"broken, yet mine"


def test_a_fetch_that_is_killed_continues(table, server, picture, tmp_path):
    urls = {f"{n}": f"/{n}.jpg" for n in range(1, 13)}
    pictures = {url: picture(int(n), size=(200, 300)) for n, url in urls.items()}
    server.routes = {url: body(data, after=0.15) for url, data in pictures.items()}
    catalogue, posters = table(urls), tmp_path / "posters"
    posters.mkdir()
    (posters / ".tt0000001.jpg.0badcafe.part").write_bytes(b"half")
    command = [sys.executable, "-c", "from keyart.cli.app import main; main()", "fetch", "--catalogue", str(catalogue)]
    command += ["--to", str(posters), "--allow-private", "--workers", "1"]
    source = str(Path(__file__).resolve().parents[3] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(posters.glob("tt*.jpg"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path.name for path in posters.glob("tt*.jpg")}
    assert 3 <= len(there) < 12
    for name in there:
        assert (posters / name).read_bytes() == pictures[f"/{int(name[2:9])}.jpg"]
    server.asked.clear()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=True)
    assert f"12 of 12 posters in {posters}, {12 - len(there)} of them now" in done.stdout
    assert {f"tt{int(path[1:-4]):07d}.jpg" for path in server.asked} == {p.name for p in posters.iterdir()} - there
    assert sorted(p.name for p in posters.iterdir()) == [f"tt{n:07d}.jpg" for n in range(1, 13)]
