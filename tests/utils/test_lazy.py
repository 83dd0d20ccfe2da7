"""Lazy exports of packages: each name resolves, and none hides behind a module of the same name."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

import keyart

ROOT = Path(keyart.__file__).parent
STUBS = sorted(path.relative_to(ROOT).parent.as_posix() for path in ROOT.rglob("__init__.pyi"))


@pytest.mark.parametrize("folder", STUBS)
def test_every_exported_name_resolves_to_what_the_stub_says(folder):
    package = import_module(".".join(["keyart", *Path(folder).parts]))
    stub = ast.parse((ROOT / folder / "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    for node in imports:
        for alias in node.names:
            expected = getattr(import_module(str(node.module)), alias.name)
            assert getattr(package, alias.asname or alias.name) is expected
    assert sorted(package.__all__) == sorted(a.asname or a.name for node in imports for a in node.names)


def test_a_name_that_is_not_exported_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = import_module("keyart.catalogue").nothing
