"""Poster lookup by IMDb id with a fake TMDB server, and that the key never appears in output."""

import json
import logging
import time

import pytest

from keyart.errors import InputError
from tests.catalogue.download.server import body, in_turn, redirect, status

pytest.importorskip("aiohttp")

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ0ZXN0In0.c2lnbmF0dXJl"


def as_json(content):
    return body(json.dumps(content).encode(), "application/json")


@pytest.fixture
def tmdb(server, picture):
    """Fake TMDB server that knows films 1 (a film) and 2 (a series), but not 3."""
    sizes = ["w92", "w154", "w342", "w500", "w780", "original"]
    server.routes["/3/configuration"] = as_json(
        {"images": {"base_url": "http://127.0.0.1:9/", "secure_base_url": f"{server.url}/t/p/", "poster_sizes": sizes}}
    )
    empty = {"movie_results": [], "tv_results": []}
    server.routes["/3/find/tt0000001"] = as_json({**empty, "movie_results": [{"poster_path": "/one.jpg"}]})
    server.routes["/3/find/tt0000002"] = as_json({**empty, "tv_results": [{"poster_path": "/two.jpg"}]})
    server.routes["/3/find/tt0000003"] = as_json(empty)
    for size in sizes:
        server.routes[f"/t/p/{size}/one.jpg"] = body(picture(1))
        server.routes[f"/t/p/{size}/two.jpg"] = body(picture(2))
    return f"{server.url}/3"


def test_posters_are_found_by_their_imdb_id(bring, table, server, tmdb, picture, tmp_path):
    fetched = bring(table({"1": "", "2": "", "3": ""}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb)
    assert fetched.fetched == 2
    assert [(p.id, p.reason) for p in fetched.missing] == [("tt0000003", "TMDB has no poster of tt0000003")]
    assert (tmp_path / "posters" / "tt0000002.jpg").read_bytes() == picture(2)
    assert server.asked["/3/configuration"] == 1
    assert server.asked["/t/p/w500/one.jpg"] == 1
    assert all("external_source=imdb_id" in path for _, path, _ in server.seen if "/find/" in path)


@pytest.mark.parametrize(("width", "size"), [(100, "w154"), (342, "w342"), (343, "w500"), (2000, "original")])
def test_the_smallest_size_that_is_wide_enough_is_taken(bring, table, server, tmdb, width, size):
    bring(table({"1": ""}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb, width=width)
    assert server.asked[f"/t/p/{size}/one.jpg"] == 1


@pytest.mark.parametrize("key", [KEY, TOKEN])
def test_the_key_goes_to_the_api_alone(bring, table, server, tmdb, key, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    server.routes["/3/find/tt0000004"] = status(500)
    bring(table({"1": "", "4": ""}), source="tmdb", tmdb_key=key, tmdb_api=tmdb)
    for _, path, headers in server.seen:
        summary = key in path or key in headers.get("Authorization", "")
        assert summary == path.startswith("/3/")
    assert key not in caplog.text + "".join(capfd.readouterr())
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]


def test_the_api_leads_nowhere_else(bring, table, server, tmdb):
    server.routes["/3/find/tt0000001"] = redirect(f"{server.url}/elsewhere")
    fetched = bring(table({"1": ""}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb)
    assert fetched.missing[0].reason == "TMDB: too many redirects"
    assert not server.asked["/elsewhere"]


@pytest.mark.parametrize("code", [401, 403])
def test_a_refused_key_stops_at_once_and_is_not_reported(bring, table, server, tmdb, code):
    server.routes["/3/configuration"] = status(code)
    with pytest.raises(InputError, match="TMDB_API_KEY") as stop:
        bring(table({f"{n}": "" for n in range(1, 30)}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb)
    assert KEY not in str(stop.value)
    assert server.asked["/3/configuration"] <= 2


@pytest.mark.parametrize("key", ["short", "has space in its midst here", "with\nline\nbreak" * 3])
def test_what_is_no_key_is_reported_without_it(bring, table, server, tmdb, key):
    with pytest.raises(InputError, match="TMDB_API_KEY") as stop:
        bring(table({"1": ""}), source="tmdb", tmdb_key=key, tmdb_api=tmdb)
    assert key not in str(stop.value)
    assert not server.asked


def test_the_api_is_asked_again_where_it_may_help(bring, table, server, tmdb):
    found = server.routes["/3/find/tt0000001"]
    server.routes["/3/find/tt0000001"] = in_turn(status(429, Retry_After="1"), body(b"<html>"), found)
    start = time.monotonic()
    assert bring(table({"1": ""}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb).fetched == 1
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("path", ["//evil.example/x.jpg", "/../x.jpg", "x.jpg", "/a/b.jpg", 5, None])
def test_a_poster_path_that_is_none_is_not_followed(bring, table, server, tmdb, path):
    server.routes["/3/find/tt0000001"] = as_json({"movie_results": [{"poster_path": path}]})
    fetched = bring(table({"1": ""}), source="tmdb", tmdb_key=KEY, tmdb_api=tmdb)
    assert fetched.missing[0].reason == "TMDB has no poster of tt0000001"


def test_both_asks_tmdb_only_for_what_the_urls_do_not_bring(bring, table, server, tmdb, picture):
    server.routes["/1.jpg"] = body(picture())
    catalogue = table({"1": "/1.jpg", "2": "/gone.jpg", "3": "/gone.jpg"})
    fetched = bring(catalogue, source="both", tmdb_key=KEY, tmdb_api=tmdb)
    assert fetched.fetched == 2
    assert not server.asked["/3/find/tt0000001"]
    assert fetched.missing[0].reason == "HTTP 404; TMDB has no poster of tt0000003"


def test_without_urls_and_key_it_says_what_to_do(bring, table, tmp_path):
    with pytest.raises(InputError, match="TMDB_API_KEY"):
        bring(table({"1": ""}))
    with pytest.raises(InputError, match="`url_column`"):
        bring(table({"1": ""}), source="url")
    assert not (tmp_path / "posters").exists()
