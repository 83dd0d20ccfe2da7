"""``keyart fetch``: exit codes, JSON, and one-line messages for errors that a user can fix."""

import json
import sys

import pytest

from keyart.cli import app as cli
from tests.catalogue.download.server import body


@pytest.fixture
def keyart(monkeypatch, capfd):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keyart", "fetch", *map(str, arguments)])
        monkeypatch.delenv("TMDB_API_KEY", raising=False)
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return stop.value.code, out, err

    return call


def test_all_there_is_0_and_some_missing_is_1(keyart, table, server, picture, tmp_path):
    pytest.importorskip("aiohttp")
    server.routes["/1.jpg"] = body(picture())
    arguments = ["--to", tmp_path / "posters", "--allow-private"]
    code, out, err = keyart("--catalogue", table({"1": "/1.jpg"}), *arguments, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "posters": 1,
        "present": 0,
        "fetched": 1,
        "bytes": len(picture()),
        "missing": [],
        "out": str(tmp_path / "posters"),
    }
    catalogue = table({"1": "/1.jpg", "2": "/2.jpg"})
    code, out, _ = keyart("--catalogue", catalogue, *arguments, "--json")
    assert code == 1
    record = json.loads(out)
    assert record["missing"] == [{"id": "tt0000002", "url": f"{server.url}/2.jpg", "reason": "HTTP 404"}]
    assert (record["present"], record["fetched"]) == (1, 0)
    code, out, _ = keyart("--catalogue", catalogue, *arguments)
    assert code == 1
    assert "1 of 2 posters" in out
    assert "missing: 1 × HTTP 404" in out
    assert "missing.csv" in out


def test_this_machine_is_refused_by_default(keyart, table, server, picture, tmp_path):
    pytest.importorskip("aiohttp")
    server.routes["/1.jpg"] = body(picture())
    code, out, _ = keyart("--catalogue", table({"1": "/1.jpg"}), "--to", tmp_path / "posters")
    assert code == 1
    assert "--allow-private" in out
    assert not server.asked


def test_without_aiohttp_it_says_what_to_install(keyart, table, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    code, out, err = keyart("--catalogue", table({"1": "/1.jpg"}), "--to", tmp_path / "posters")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert ".[fetch]" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--to", "x"], "--catalogue"),
        (["--catalogue", "/nowhere.csv"], "--to"),
        (["--catalogue", "/nowhere.csv", "--to", "x"], "/nowhere.csv"),
        (["--catalogue", "{table}", "--to", "x", "--url-column", "Nosuch"], "Nosuch"),
        (["--catalogue", "{table}", "--to", "x", "--url-column", "Title"], "Title"),
        (["--catalogue", "{table}", "--to", "x", "--from", "tmdb"], "TMDB_API_KEY"),
        (["--catalogue", "{table}", "--to", "x", "--from", "elsewhere"], "elsewhere"),
        (["--catalogue", "{table}", "--to", "x", "--rate", "0"], "--rate"),
        (["--catalogue", "{table}", "--to", "{table}"], "is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_bad_usage_is_one_line_and_exit_code_2(keyart, table, tmp_path, monkeypatch, arguments, named):
    pytest.importorskip("aiohttp")
    monkeypatch.chdir(tmp_path)
    path = table({"1": "/1.jpg"})
    code, out, err = keyart(*(path if part == "{table}" else part for part in arguments))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert named in err
    assert not (tmp_path / "x").exists()
