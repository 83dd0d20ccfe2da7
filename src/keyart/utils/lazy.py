"""Lazy package exports, declared once in a stub file that type checkers also read."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def attach_stub(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return a package's ``__getattr__``, ``__dir__`` and ``__all__`` from the imports in its ``__init__.pyi``.

    A module is imported when one of its names is first used. So importing a package is fast and does not require unused
    dependencies (after SPEC 1 of the Scientific Python project).

    Args:
        package: The package's ``__name__``.
        file: The package's ``__file__``; the stub is in the same folder.
    """
    # Neither `ast` nor `pathlib`: their import takes longer than everything else here.
    with open(file.removesuffix(".py") + ".pyi", encoding="utf-8") as stub:  # noqa: PTH123
        statements = f"\n{stub.read()}".split("\nfrom ")[1:]
    origins: dict[str, tuple[str, str]] = {}
    for module, _, names in (statement.partition(" import ") for statement in statements):
        listed = names[1:].partition(")")[0] if names.startswith("(") else names.partition("\n")[0]
        for words in filter(None, map(str.split, listed.split(","))):
            origins[words[-1]] = module, words[0]

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
