"""Library code names parameters; only the rooms at the edge name options of the command line."""

import ast
import re
from pathlib import Path

import pytest

import keyart
from keyart.cli.app import app
from keyart.cli.spelling import option_spelling
from keyart.errors import InputError
from keyart.launch.config_keys import config_key
from keyart.web.app import query_parameter

SOURCE = Path(keyart.__file__).parent
EDGE = ("cli", "config", "launch")
OTHERS_OPTIONS = {
    "runs/run.py": "git's option",
    "catalogue/download/http_client.py": "the reason that `keyart fetch` records beside a poster it left out",
    "retrieval/export/embedding_atlas.py": "the command of another program",
    "retrieval/engines/milvus.py": "the engine's summary in the manual",
    "retrieval/engines/registry.py": "the table of engines in the manual",
    "web/library.py": "what to give `keyart serve`, which cannot be changed from the browser",
    "web/security.py": "the same",
}


def texts(path):
    """String literals of a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_options_are_named_at_the_edge_only():
    found = set()
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE)
        if place.parts[0] not in EDGE and any(re.search(r"(?<![\w-])--[a-z]", text) for text in texts(path)):
            found.add(place.as_posix())
    assert found == set(OTHERS_OPTIONS)


@pytest.mark.parametrize(
    ("spell", "line"),
    [
        (lambda name: None, "genres='a b': unknown; or `on_bad_poster=skip`, `images`"),
        (option_spelling(app, "search"), "--genre a b: unknown; or --on-bad-poster skip, --images"),
        (option_spelling(app, "doctor"), "--genre a b: unknown; or --on-bad-poster skip, data.images"),
        (config_key, "genres='a b': unknown; or `on_bad_poster=skip`, data.images"),
        (query_parameter, "genre=a b: unknown; or on_bad_poster=skip, images"),
    ],
)
def test_each_edge_spells_parameters_as_its_users_write_them(spell, line):
    error = InputError("unknown; or ``on_bad_poster=skip``, ``images``", parameter="genres", value="a b")
    assert error.render(spell) == line


@pytest.mark.parametrize(
    ("value", "library", "console"),
    [
        (0.25, "k=0.25: x", "-k 0.25: x"),
        (3, "k=3: x", "-k 3: x"),
        ("", "k='': x", "-k '': x"),
        (Path("a/b"), "k='a/b': x", "-k a/b: x"),
        (None, "k: x", "-k: x"),
    ],
)
def test_values_in_messages(value, library, console):
    error = InputError("x", parameter="k", value=value)
    assert (str(error), error.render(option_spelling(app, "search"))) == (library, console)
