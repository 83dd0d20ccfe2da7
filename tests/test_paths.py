"""Where the caches are."""

from pathlib import Path

from onesheet.paths import cache_root


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("ONESHEET_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("ONESHEET_CACHE", "~/kept")
    assert cache_root() == Path.home() / "kept"
    monkeypatch.setenv("ONESHEET_CACHE", "")
    assert cache_root() == Path.home() / ".cache" / "onesheet"
    monkeypatch.delenv("ONESHEET_CACHE")
    assert cache_root() == Path.home() / ".cache" / "onesheet"
