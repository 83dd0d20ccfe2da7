"""Access to the demo posters: missing packages are named before anything is drawn."""

from importlib import metadata

import pytest

from keyart.catalogue import demo
from keyart.config.rules import check_data
from keyart.errors import InputError

SPLIT = {"val": 0.1, "test": 0.2}


@pytest.fixture
def without(monkeypatch):
    """Hide installed packages whose names have given prefixes."""
    known = metadata.version

    def hide(prefix):
        def version(name):
            if name.startswith(prefix):
                raise metadata.PackageNotFoundError(name)
            return known(name)

        monkeypatch.setattr(demo.metadata, "version", version)

    return hide


def test_nothing_is_missing_here():
    pytest.importorskip("fontpkg_anton", reason="the extra [demo]")
    assert demo.missing_packages() == []


def test_the_extra_is_named_where_its_fonts_are_missing(without, monkeypatch):
    stated = ["torch>=2.6", "fontpkg-anton>=2.116; extra == 'demo'", 'fontpkg-lobster>=2.1; extra == "demo"']
    monkeypatch.setattr(demo.metadata, "requires", lambda name: [*stated, "wandb>=0.31; extra == 'wandb'"])
    without("fontpkg-")
    assert demo.missing_packages() == ["fontpkg-anton", "fontpkg-lobster"]
    for call in (demo.demo_catalogue, lambda: check_data({"name": "demo", "split": SPLIT})):
        with pytest.raises(InputError, match=r"fontpkg-anton and 1 more.*pip install -e '\.\[demo\]'") as caught:
            call()
        assert "\n" not in str(caught.value)
