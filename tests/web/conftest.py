"""The server over the small drawn run, as an ASGI application."""

import pytest

from keyart.runs.run import Run
from keyart.runs.search import open_index
from keyart.web.app import create_app
from keyart.web.library import Library, Shown

TOKEN = "a-token-of-these-tests"
HOST = "127.0.0.1:8123"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="session")
def library(made):
    _, _posters, runs = made
    opened = [Run.open(run) for run, _ in runs]
    return Library([Shown(run, open_index(run)) for run in opened])


@pytest.fixture
def app(library):
    return create_app(library, TOKEN, [HOST, "localhost:8123"])


@pytest.fixture
def client(app):
    from starlette.testclient import TestClient

    with TestClient(app, base_url=f"http://{HOST}", headers=BEARER, follow_redirects=False) as client:
        yield client


@pytest.fixture
def stranger(app):
    """A client without the token."""
    from starlette.testclient import TestClient

    with TestClient(app, base_url=f"http://{HOST}", follow_redirects=False) as client:
        yield client
