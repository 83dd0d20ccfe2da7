"""Server failures: temporary ones are retried, others are listed, and no invalid file is stored."""

import csv
import time

import pytest

from keyart.catalogue.download.failure import RequestLimits
from keyart.catalogue.download.retry_policy import RetryPolicy
from tests.catalogue.download.server import Server, body, breaking_off, in_turn, redirect, status, unmeasured

pytest.importorskip("aiohttp")


def reason(fetched):
    assert len(fetched.missing) == 1
    return fetched.missing[0].reason


def stored(tmp_path):
    return sorted(str(p.relative_to(tmp_path / "posters")) for p in (tmp_path / "posters").rglob("*") if p.is_file())


def test_posters_are_stored_byte_for_byte_under_the_readers_names(bring, table, server, picture, tmp_path):
    pictures = {n: picture(n) for n in range(1, 8)}
    for n, data in pictures.items():
        server.routes[f"/{n}.jpg"] = body(data)
    fetched = bring(table({f"{n}": f"/{n}.jpg" for n in pictures}))
    assert (fetched.posters, fetched.fetched, fetched.present, fetched.missing) == (7, 7, 0, [])
    assert fetched.received == sum(map(len, pictures.values()))
    assert stored(tmp_path) == [f"tt{n:07d}.jpg" for n in pictures]
    for n, data in pictures.items():
        assert (tmp_path / "posters" / f"tt{n:07d}.jpg").read_bytes() == data


def test_a_format_other_than_jpeg_gets_its_own_suffix(bring, table, server, picture, tmp_path):
    server.routes["/1.jpg"] = body(picture(kind="PNG"))
    server.routes["/2.jpg"] = body(picture(kind="WEBP"))
    server.routes["/3.jpg"] = body(picture(kind="TIFF"))
    fetched = bring(table({"1": "/1.jpg", "2": "/2.jpg", "3": "/3.jpg"}))
    assert "TIFF" in reason(fetched)
    assert stored(tmp_path) == ["missing.csv", "tt0000001.png", "tt0000002.webp"]


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410])
def test_what_does_not_pass_is_asked_for_once(bring, table, server, code):
    server.routes["/1.jpg"] = status(code)
    assert reason(bring(table({"1": "/1.jpg"}))) == f"HTTP {code}"
    assert server.asked["/1.jpg"] == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_what_passes_is_asked_for_again(bring, table, server, picture, code):
    server.routes["/1.jpg"] = in_turn(status(code), status(code), body(picture()))
    assert bring(table({"1": "/1.jpg"})).fetched == 1
    assert server.asked["/1.jpg"] == 3


def test_attempts_end(bring, table, server):
    server.routes["/1.jpg"] = status(500)
    assert reason(bring(table({"1": "/1.jpg"}))) == "HTTP 500"
    assert server.asked["/1.jpg"] == 3


def test_retry_after_holds_back_the_whole_host(bring, table, server, picture):
    server.routes["/1.jpg"] = in_turn(status(429, Retry_After="1"), body(picture(1)))
    for n in range(2, 5):
        server.routes[f"/{n}.jpg"] = body(picture(n), after=0.05)
    fetched = bring(table({f"{n}": f"/{n}.jpg" for n in range(1, 5)}), workers=1)
    assert fetched.fetched == 4
    times = [when for when, *_ in server.seen]
    assert times[1] - times[0] >= 0.99
    fetched = bring(table({"9": "/9.jpg"}))  # 404: reported without a retry
    assert fetched.missing[0].reason == "HTTP 404"


def test_a_host_that_wants_a_long_quiet_is_left_in_peace(bring, table, server):
    urls = {f"{n}": f"/{n}.jpg" for n in range(1, 21)}
    server.routes = {url: status(429, Retry_After="3600") for url in urls.values()}
    start = time.monotonic()
    fetched = bring(table(urls), workers=2)
    assert time.monotonic() - start < 2
    assert len(fetched.missing) == 20
    assert all("3,600 s" in poster.reason for poster in fetched.missing)
    assert sum(server.asked.values()) <= 2


def test_a_slow_answer_is_not_waited_for(bring, table, server, picture):
    server.routes["/1.jpg"] = body(picture(), after=3)
    server.routes["/2.jpg"] = unmeasured(picture(), piece=10, pause=0.02)  # endless data
    start = time.monotonic()
    fetched = bring(
        table({"1": "/1.jpg", "2": "/2.jpg"}), limits=RequestLimits(seconds=0.2), retry_policy=RetryPolicy(retries=0)
    )
    assert time.monotonic() - start < 2
    assert [poster.reason for poster in fetched.missing] == ["no complete answer within 0.2 s"] * 2


def test_a_body_that_breaks_off_is_fetched_again_and_never_stored(bring, table, server, picture, tmp_path):
    server.routes["/1.jpg"] = in_turn(breaking_off(picture(1)), body(picture(1)))
    server.routes["/2.jpg"] = breaking_off(picture(2))
    whole = picture(3)
    server.routes["/3.jpg"] = unmeasured(whole[: len(whole) // 2])  # complete according to HTTP
    server.routes["/4.jpg"] = in_turn(unmeasured(whole[: len(whole) // 2]), unmeasured(whole))
    fetched = bring(table({f"{n}": f"/{n}.jpg" for n in range(1, 5)}))
    record = {poster.id: poster.reason for poster in fetched.missing}
    assert record.keys() == {"tt0000002", "tt0000003"}
    assert record["tt0000002"] == "the answer breaks off"
    assert "truncated image" in record["tt0000003"]
    assert stored(tmp_path) == ["missing.csv", "tt0000001.jpg", "tt0000004.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>gone</html>", "a page"),
        (b"\xef\xbb\xbf\n <html>gone</html>", "a page"),
        (b"<?xml version='1.0'?><Error/>", "a page"),
        (b"not an image", "unreadable image"),
        (b"", "an empty answer"),
    ],
)
def test_what_is_no_image_is_reported_whatever_its_content_type(bring, table, server, tmp_path, content, message):
    server.routes["/1.jpg"] = body(content, "image/jpeg")
    assert message in reason(bring(table({"1": "/1.jpg"})))
    assert stored(tmp_path) == ["missing.csv"]


def test_a_body_beyond_the_limit_is_not_read_to_its_end(bring, table, server):
    sent = []

    def endless(handler, nth):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        while len(sent) < 10_000:
            handler.wfile.write(b"x" * 10_000)
            sent.append(10_000)

    server.routes["/1.jpg"] = endless
    server.routes["/2.jpg"] = body(b"x" * 200_000)  # says so itself
    fetched = bring(table({"1": "/1.jpg", "2": "/2.jpg"}), limits=RequestLimits(seconds=5, body=100_000))
    assert [poster.reason for poster in fetched.missing] == ["larger than 100,000 bytes"] * 2
    assert sum(sent) < 50_000_000
    assert server.asked["/1.jpg"] == server.asked["/2.jpg"] == 1


def test_redirects_are_followed_to_a_limit(bring, table, server, picture):
    server.routes["/1.jpg"] = redirect("/a/2.jpg")
    server.routes["/a/2.jpg"] = redirect("3.jpg")
    server.routes["/a/3.jpg"] = body(picture())
    server.routes["/loop"] = redirect("/loop")
    fetched = bring(table({"1": "/1.jpg", "2": "/loop"}))
    assert fetched.fetched == 1
    assert reason(fetched) == "too many redirects"
    assert server.asked["/loop"] == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1", "data:,x"])
def test_a_redirect_to_another_scheme_is_refused(bring, table, server, target):
    server.routes["/1.jpg"] = redirect(target)
    assert "neither http nor https" in reason(bring(table({"1": "/1.jpg"})))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_redirect_to_this_machine_is_refused(bring, table, server, picture, host):
    inner = Server()
    try:
        inner.routes["/secret.jpg"] = body(picture())
        server.routes["/1.jpg"] = redirect(f"http://{host}:{inner.port}/secret.jpg")
        summary = reason(bring(table({"1": "/1.jpg"})))
        # aiohttp does not resolve a numeric address.
        assert summary == "an invalid URL" if host.isdigit() else "is no public address (allow it with" in summary
        assert not inner.asked
    finally:
        inner.close()


def test_nonsense_of_one_host_costs_its_own_poster_alone(bring, table, server, picture):
    server.routes["/1.jpg"] = redirect("http://[bad/x.jpg")
    server.routes["/2.jpg"] = in_turn(
        status(429, Retry_After="Mon, 01 Jan 9999999999999 00:00:00 GMT"), body(picture(2))
    )
    fetched = bring(table({"1": "/1.jpg", "2": "/2.jpg"}))
    assert reason(fetched) == "a redirect to an invalid URL"
    assert fetched.fetched == 1


def test_nobody_listening_is_reported(bring, table, server):
    gone = Server()
    gone.close()
    fetched = bring(table({"1": f"http://127.0.0.1:{gone.port}/1.jpg"}), may_connect=lambda address, port: True)
    assert reason(fetched) == f"no connection to 127.0.0.1:{gone.port}"


@pytest.mark.parametrize("url", ["ftp://example.org/a.jpg", "http:///a.jpg", "http://[::1/a.jpg", "http://a:b/c.jpg"])
def test_an_url_that_is_none_is_reported(bring, table, server, url):
    fetched = bring(table({"1": url, "2": "/2.jpg", "3": "/3.jpg"}))
    assert fetched.missing[0].reason in ("an invalid URL", "neither http nor https (ftp)")


def test_the_list_names_each_poster_its_url_and_why(bring, table, server, picture, tmp_path):
    server.routes["/2.jpg"] = body(picture())
    catalogue = table({"1": "/1.jpg", "2": "/2.jpg", "3": ""})
    fetched = bring(catalogue)
    assert fetched.reasons() == [("HTTP 404", 1), ("the table gives no URL", 1)]
    with (tmp_path / "posters" / "missing.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"id": "tt0000001", "url": f"{server.url}/1.jpg", "reason": "HTTP 404"},
            {"id": "tt0000003", "url": "", "reason": "the table gives no URL"},
        ]
    server.routes["/1.jpg"] = body(picture(1))
    catalogue = table({"1": "/1.jpg", "2": "/2.jpg"})
    assert not bring(catalogue).missing
    assert stored(tmp_path) == ["tt0000001.jpg", "tt0000002.jpg"]


def test_a_password_in_an_url_is_not_reported(bring, table, server, tmp_path):
    fetched = bring(table({"1": server.url.replace("//", "//me:secret@") + "/1.jpg"}))
    assert fetched.missing[0].url == f"{server.url}/1.jpg"
    assert "secret" not in (tmp_path / "posters" / "missing.csv").read_text()


def test_a_host_is_asked_no_faster_than_the_rate(bring, table, server, picture):
    urls = {f"{n}": f"/{n}.jpg" for n in range(1, 11)}
    server.routes = {url: body(picture()) for url in urls.values()}
    bring(table(urls), rate=20.0)
    times = [when for when, *_ in server.seen]
    assert times[-1] - times[0] >= 0.44  # nine gaps of 1/20 s
