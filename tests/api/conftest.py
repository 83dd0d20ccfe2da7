"""A run trained once from Python."""

import pytest

import keyart
from tests.end_to_end.conftest import SMALL
from tests.helpers import draw_posters


@pytest.fixture(scope="package")
def posters(tmp_path_factory):
    return draw_posters(tmp_path_factory.mktemp("posters"), 120)


@pytest.fixture(scope="package")
def run(posters, tmp_path_factory):
    """A run over 120 drawn posters."""
    return keyart.train(
        *SMALL,
        "training.head_epochs=2",
        "callbacks.report=false",
        catalogue=posters / "catalogue.csv",
        images=posters / "posters",
        folder=tmp_path_factory.mktemp("runs") / "run",
    )
