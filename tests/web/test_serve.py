"""The options of ``keyart serve``: which posters are shown."""

import contextlib
import json
import logging
import os
import shutil
import signal
import threading
import time
import urllib.request

import pytest

from keyart.web.app import create_app
from keyart.web.server import serve
from tests.indexes import refused
from tests.web.conftest import TOKEN


@pytest.fixture
def served(keyart, monkeypatch):
    """Start ``keyart serve`` without a socket; returns a client of its application."""
    from starlette.testclient import TestClient

    def start(*arguments):
        started = []
        monkeypatch.setattr("keyart.web.server.serve", lambda library, **options: started.append(library))
        code, _, err = keyart("serve", *arguments)
        assert code == 0, err
        app = create_app(started[0], TOKEN, ["testserver"])
        return TestClient(app, headers={"authorization": f"Bearer {TOKEN}"}), err

    return start


@pytest.fixture
def others(made, tmp_path):
    """A run's drawn posters under other names and titles, one of them missing."""
    (tmp_path / "others").mkdir()
    for row in range(6):
        shutil.copy(made[1] / "posters" / f"p{row + 3:04d}.jpg", tmp_path / "others" / f"new{row}.jpg")
    table = tmp_path / "others.csv"
    lines = [f"new{row}.jpg,Drama,Unheard Of {row},2020" for row in (*range(6), 9)]
    table.write_text("\n".join(["img,genres,title,year", *lines]) + "\n")
    return ["--catalogue", table, "--images", tmp_path / "others"]


def test_posters_that_the_run_has_not_seen(served, made, others, keyart):
    run, vectors = made[2][0]
    client, err = served(run, *others)
    assert "new9.jpg" in err
    found = client.get("/api/runs/0/search?query=unheard of 0&k=9").json()
    assert (found["posters"], found["searched"]) == (6, 6)
    scores = {one["id"]: one["score"] for one in found["neighbours"]}
    expected = {f"new{row}": float(vectors[3] @ vectors[row + 3]) for row in range(1, 6)}
    assert scores == pytest.approx(expected, abs=1e-4)
    assert client.get("/api/runs/0/posters/5/image").headers["content-type"] == "image/jpeg"
    code, out, _ = keyart("explain", run, "new0", "new2", *others, "--json")
    assert code == 0
    assert client.get("/api/runs/0/explain?a=0&b=2").json() == json.loads(out)


def test_embeddings_are_cached_until_an_image_changes(served, made, others, monkeypatch):
    run, vectors = made[2][0]
    served(run, *others)
    from keyart.runs import embed

    monkeypatch.setattr(embed, "_embed_piece", None)
    client, _ = served(run, *others)
    assert client.get("/api/runs/0/search?row=0&k=1").json()["posters"] == 6
    monkeypatch.undo()
    shutil.copy(made[1] / "posters" / "p0020.jpg", others[3] / "new1.jpg")
    client, _ = served(run, *others)
    scores = {one["id"]: one["score"] for one in client.get("/api/runs/0/search?row=0&k=9").json()["neighbours"]}
    assert scores["new1"] == pytest.approx(float(vectors[3] @ vectors[20]), abs=1e-4)


def test_a_catalogue_and_an_index_are_refused(made, others, keyart):
    run = made[2][0][0]
    refused(keyart("serve", run, *others, "--index", run / "index"), "--catalogue", "--index")


def test_a_second_ctrl_c_ends_a_server_that_answers_without_a_traceback(library, monkeypatch, capfd, caplog):
    begun = threading.Event()

    def slow(*given):
        begun.set()
        time.sleep(1)
        return b""

    def visit(address):
        server, _, token = address.partition("/?token=")
        asked = urllib.request.Request(
            f"{server}/api/runs/0/posters/1/image", headers={"authorization": f"Bearer {token}"}
        )

        def ask():
            with contextlib.suppress(OSError):  # the server ends first
                urllib.request.urlopen(asked)

        threading.Thread(target=ask, daemon=True).start()
        assert begun.wait(60)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)

    monkeypatch.setattr("keyart.web.api.thumbnail", slow)
    monkeypatch.setattr("webbrowser.open", visit)
    serve(library, report=lambda address: None)
    assert begun.is_set()
    assert "Traceback" not in capfd.readouterr().err + caplog.text
    assert not logging.getLogger("uvicorn.error").filters  # the next server of this process reports its faults
