"""Lazy package exports, declared once in a stub file that type checkers also read."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach_stub(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__`` from the imports in its ``__init__.pyi``.

    A module is imported when one of its names is first used. So importing a package is fast and does not require unused
    dependencies (after SPEC 1 of the Scientific Python project).

    Args:
        package: The package's ``__name__``.
        file: The package's ``__file__``; the stub is in the same folder.
    """
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    origins = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def __getattr__(name: str) -> Any:
        if name not in origins:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = origins[name]
        # A name that comes from the package itself is one of its subpackages.
        value = (
            import_module(f"{package}.{original}") if module == package else getattr(import_module(module), original)
        )
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, lambda: sorted(origins), sorted(origins)
