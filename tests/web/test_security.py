"""Security of the server, over every route that is registered, so that a new route is covered by itself."""

import io
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.routing import Mount

from keyart.errors import InputError
from keyart.web.library import Shown
from keyart.web.security import HEADERS, OPEN_PATHS
from keyart.web.uploads import MOST_BYTES
from tests.web.conftest import HOST, TOKEN


def every_route(app):
    """All (method, path) of an application, with 0 for parameters; and paths that no route has."""
    found = [("GET", "/nothing"), ("POST", "/api/nothing"), ("PUT", "/api/status")]
    remaining = list(app.app.app.routes)
    while remaining:
        route = remaining.pop()
        if isinstance(route, Mount):
            found += [("GET", f"{route.path}/index.html"), ("GET", f"{route.path}/../app.py")]
        elif hasattr(route, "methods"):
            path = re.sub(r"\{\w+\}", "0", route.path)
            found += [(method, path) for method in sorted(route.methods)]
        else:  # a router within the application
            remaining += route.original_router.routes
    return found


def test_routes_are_found(app):
    paths = {path for _, path in every_route(app)}
    assert {
        "/",
        "/api/runs/0/search",
        "/api/runs/0/posters/0/image",
        "/static/index.html",
        "/api/openapi.json",
    } <= paths
    assert len(paths) > 25


def test_every_route_needs_the_token(app, stranger):
    for method, path in every_route(app):
        for headers in ({}, {"authorization": "Bearer wrong"}, {"cookie": "keyart-8123=wrong"}):
            response = stranger.request(method, path, headers=headers)
            assert response.status_code == (200 if path in OPEN_PATHS and method == "GET" else 401), (method, path)
        assert stranger.request(method, f"{path}?token=wrong").status_code != 303
    # The other server's cookie, and the token in the wrong place, open nothing.
    assert stranger.get("/", headers={"cookie": f"keyart-8000={TOKEN}"}).status_code == 401
    assert stranger.post(f"/api/model?token={TOKEN}").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1:9999"},
        {"host": f"{HOST}.evil.example"},
        {"host": f"evil.example@{HOST}"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{HOST}.evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_every_route_refuses_other_sites(app, client, headers):
    for method, path in every_route(app):
        response = client.request(method, path, headers=headers)
        assert response.status_code == 403, (method, path)
        assert "token" not in response.text


def test_two_hosts_are_refused(client):
    assert client.get("/", headers=[("host", HOST), ("host", HOST)]).status_code == 403


def test_every_response_is_guarded(app, client, stranger):
    for method, path in every_route(app):
        for response in (client.request(method, path), stranger.request(method, path)):
            for name, value in HEADERS.items():
                assert response.headers[name] == value, (method, path)
            assert not [name for name in response.headers if name.lower().startswith("access-control-")]
            assert "unsafe" not in response.headers["content-security-policy"]
            assert "cache-control" in response.headers


def test_token_becomes_a_cookie(stranger):
    response = stranger.get(f"/poster?row=3&token={TOKEN}&k=2")
    assert (response.status_code, response.headers["location"]) == (303, "/poster?row=3&k=2")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"keyart-8123={TOKEN};")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "domain" not in cookie.lower()
    assert stranger.get("/api/status").status_code == 200  # the client keeps the cookie


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_sign_in_stays_on_this_server(app, path):
    from starlette.testclient import TestClient

    with TestClient(app, base_url=f"http://{HOST}", follow_redirects=False) as client:
        response = client.get(f"http://{HOST}{path}?token={TOKEN}")
    location = response.headers["location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_images_stay_in_their_folder(library, tmp_path):
    """A row of a foreign index names no file outside the images folder, by dots or by a link."""
    import pandas as pd

    inside = tmp_path / "posters"
    inside.mkdir()
    secret = tmp_path / "secret.jpg"
    Image.new("RGB", (40, 60)).save(secret)
    (inside / "link.jpg").symlink_to(secret)
    (inside / "folder.jpg").mkdir()
    names = ["../secret.jpg", str(secret), "link.jpg", "folder.jpg", "nothing.jpg", "\x00.jpg"]

    class Index:
        def __init__(self):
            self.posters, self.notes = pd.DataFrame({"img": names}), {}

        def __len__(self):
            return len(names)

        def metadata(self, rows):
            return self.posters.iloc[rows].to_dict("records")

    shown = Shown(library[0].run, Index(), inside)
    for row in range(len(names)):
        with pytest.raises(InputError):
            shown.image(row)
    Image.new("RGB", (40, 60)).save(inside / "nothing.jpg")
    assert shown.image(4) == inside / "nothing.jpg"


def test_texts_never_name_files(client, made):
    """What a client sends as a query is an id or a title, even where such a file exists."""
    _, posters, _ = made
    path = str(posters / "posters" / "p0001.jpg")
    for route in ("/api/runs/0/search?query=", "/api/runs/0/recommend?liked="):
        response = client.get(route + path)
        assert response.status_code == 400
        assert "no poster has such an id or title" in response.json()["error"]


def png_of(width, height):
    """A PNG whose header promises a size, with no pixels to speak of."""

    def chunk(kind, data):
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def encoded(kind):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
        (encoded("GIF"), "not a JPEG"),
        (encoded("JPEG")[:400], "image: "),
        (png_of(40_000, 40_000), "more than 40 million pixels"),
        (png_of(8_000, 8_000), "more than 40 million pixels"),
    ],
)
def test_invalid_uploads_are_refused(client, data, said):
    response = client.post("/api/runs/0/images", content=data)
    assert response.status_code == 400
    assert said in response.json()["error"]


def test_large_uploads_are_refused(client):
    def endless():
        for _ in range(MOST_BYTES // 2**20 + 2):
            yield bytes(2**20)

    assert client.post("/api/runs/0/images", content=endless()).status_code == 413
    assert client.post("/api/runs/0/images", content=b"x", headers={"content-length": "99999999"}).status_code == 413


def test_uploads_queue_is_bounded(client, monkeypatch):
    from keyart.web import worker

    monkeypatch.setattr(worker, "WAITING", 0)
    response = client.post("/api/runs/0/images", content=encoded("PNG"))
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0


def test_uploads_leave_no_file(client, tmp_path, monkeypatch):
    cache = Path(os.environ["KEYART_CACHE"])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = set(cache.rglob("*"))
    handle = client.post("/api/runs/0/images", content=encoded("WEBP")).json()["image"]
    found = client.get(f"/api/runs/0/search?image={handle}&k=3").json()
    assert len(found["neighbours"]) == 3
    assert found["query"] == {"image": handle}
    assert client.get(f"/api/images/{handle}").headers["content-type"] == "image/jpeg"
    assert "choose it again" in client.get(f"/api/runs/1/search?image={handle}").json()["error"]
    assert set(cache.rglob("*")) == before
    assert not list(tmp_path.iterdir())
