"""Location of the caches."""

from pathlib import Path

import pytest

from keyart.utils.paths import cache_root


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KEYART_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("KEYART_CACHE", "~/kept")
    assert cache_root() == Path.home() / "kept"
    monkeypatch.setenv("KEYART_CACHE", "")
    assert cache_root() == Path.home() / ".cache" / "keyart"
    monkeypatch.delenv("KEYART_CACHE")
    assert cache_root() == Path.home() / ".cache" / "keyart"


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.delenv("KEYART_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


def test_a_cache_folder_of_the_former_name_is_used_where_it_is_the_only_one(home):
    (home / ".cache" / "onesheet").mkdir(parents=True)
    assert cache_root() == home / ".cache" / "onesheet"
    (home / ".cache" / "keyart").mkdir()
    assert cache_root() == home / ".cache" / "keyart"


def test_a_variable_of_the_former_name_is_read_with_a_warning(home, monkeypatch):
    monkeypatch.setenv("ONESHEET_CACHE", str(home / "former"))
    with pytest.warns(FutureWarning, match="ONESHEET_CACHE is deprecated: set KEYART_CACHE"):
        assert cache_root() == home / "former"
    monkeypatch.setenv("KEYART_CACHE", str(home / "own"))
    assert cache_root() == home / "own"
