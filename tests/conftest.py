"""Fixtures shared by all rooms: real posters where they are to be had, and a small folder of generated ones."""

import copy
import gc
import io
import os
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

# Connections to an embedded Milvus are closed while later tests read standard error; see `milvus_client`.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Test workers share the cores: threads of several workers on one core wait for each other at each operation.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // workers)))
    gc.disable()  # until all tests are collected: nearly all that is imported stays

import keyart  # noqa: F401  (sets how threads wait, before torch is loaded)
from tests.helpers import draw_posters
from tests.shared_run import made  # noqa: F401


def _parse_each_text_once():
    """Hydra parses the same twenty files for every composition, a quarter of its time."""
    load, parsed = OmegaConf.load, {}

    def load_once(file):
        if not hasattr(file, "read"):
            return load(file)
        text = file.read()
        if text not in parsed:
            source = io.StringIO(text)
            source.name = getattr(file, "name", "<file>")  # messages of faults name it
            parsed[text] = load(source)
        return copy.deepcopy(parsed[text])

    OmegaConf.load = load_once


_parse_each_text_once()


def _compose_each_line_once():
    """Composing takes a quarter of a second, copying what has been composed a twentieth of that."""
    from keyart.config import compose

    once, known = compose._compose, {}

    def compose_once(overrides, config_folder):
        line = tuple(overrides)
        if config_folder != compose.CONFIG_FOLDER or any(map(compose.is_search_path, line)):
            return once(overrides, config_folder)
        if line not in known:
            known[line] = once(overrides, config_folder)
        config, loader = known[line]
        return copy.deepcopy(config), loader

    compose._compose = compose_once


_compose_each_line_once()


LONG = ("distributed", "end_to_end")
"""Rooms of tests that take seconds each, because they train or start processes."""


def pytest_collection_modifyitems(items):
    """Let each worker begin with long tests: at the end, one would work through them while the others have none left.

    The scheduler gives each worker an equal number of consecutive tests; what it moves later comes from their ends.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    modules = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    slow = {path: sum(item.get_closest_marker("slow") is not None for item in found) for path, found in modules.items()}
    long = [path for path in modules if slow[path] or path.parent.name in LONG]
    first = [[item for path in long[i::workers] for item in modules[path]] for i in range(workers)]
    rest = [item for path in modules if path not in long for item in modules[path]]
    ordered = []
    for i, begin in enumerate(first):
        more = max(0, len(items) * (i + 1) // workers - len(ordered) - len(begin)) if i + 1 < workers else len(rest)
        ordered += begin + rest[:more]
        del rest[:more]
    items[:] = ordered


def pytest_collection_finish(session):
    """Collect garbage from now on, but never look again at what has been imported."""
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item):
    """Tests marked `gpu` need a CUDA device."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Tests never touch a person's cache."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("KEYART_CACHE")
    os.environ["KEYART_CACHE"] = str(folder)
    yield folder
    if before is None:
        os.environ.pop("KEYART_CACHE", None)
    else:
        os.environ["KEYART_CACHE"] = before


@pytest.fixture(scope="session")
def posters_dir() -> Path:
    """The folder of real posters (`catalogue.csv`, `posters/`, …)."""
    here = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("KEYART_POSTERS", here.parent / "shared" / "data" / "imdb_posters"))
    if not (folder / "catalogue.csv").is_file():
        pytest.skip(f"no real posters at {folder}: set KEYART_POSTERS to their folder")
    return folder


@pytest.fixture
def poster_folder(tmp_path) -> Path:
    """A folder of 24 generated posters with `catalogue.csv`."""
    return draw_posters(tmp_path / "made")


@pytest.fixture(name="keyart")
def call_keyart(monkeypatch, capfd):
    """Calls the console command: its exit code, standard output and standard error."""
    from keyart.cli import app as cli

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keyart", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capfd.readouterr()
        return stop.value.code, out, err

    return call
