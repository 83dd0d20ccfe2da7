"""A real Chromium in front of a real server; any request off loopback, error or policy report fails the test."""

import json
import shutil
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from keyart.catalogue.history import read_history
from keyart.retrieval.index import PosterIndex
from keyart.runs.run import Run
from keyart.runs.search import open_index
from keyart.web.app import create_app
from keyart.web.library import Library, Shown

TOKEN = "a-token-of-the-browser-tests"
HOSTILE = '<img src=x onerror="document.title=1">&lt;b>"\'`${1}'
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


def evaluated(run, copy, better):
    """A copy of a run with the metrics of its posters, as training leaves them."""
    shutil.copytree(run, copy)
    ids = [f"p{row:04d}" for row in range(24)]
    (copy / "splits.csv").write_text("id,split\n" + "".join(f"{one},test\n" for one in ids))
    values = np.random.default_rng(0).uniform(0.2, 0.4, 24) + 0.3 * better
    pd.DataFrame({"id": ids, "split": "test", "ndcg@10": values}).to_parquet(copy / "per_query.parquet")
    metric = {"": values.mean(), "/chance": 0.2, "/frozen": 0.25, "/lift": (values.mean() - 0.2) / 0.05}
    sizes = {"test/queries": 24, "test/gallery": 24}
    metrics = sizes | {f"test/ndcg@10{end}": value for end, value in metric.items()}
    (copy / "metrics.json").write_text(json.dumps(metrics))
    config = json.loads((copy / "config.yaml").read_text())
    (copy / "config.yaml").write_text(json.dumps(config | {"evaluation": {"relevance": "jaccard"}}))
    return copy


@pytest.fixture(scope="session")
def library(made, tmp_path_factory):
    """Two runs; the second one's titles and genres contain markup."""
    folder = tmp_path_factory.mktemp("served")
    runs = [evaluated(run, folder / run.name, better) for better, (run, _) in enumerate(made[2])]
    events = folder / "history.csv"
    events.write_text("userId,imdb_id,rating\n" + "".join(f"{u},p{i:04d},5\n" for u in (1, 2) for i in (u, u + 4, 9)))
    first, second = (Run.open(run) for run in runs)
    index = open_index(second)
    hostile = PosterIndex(index.index, index.posters.assign(title=HOSTILE, genres="<script>|Drama"), None, index.notes)
    return Library([Shown(first, open_index(first), None, read_history(events)), Shown(second, hostile)])


@contextmanager
def serving(library):
    """A running server; its address."""
    import uvicorn

    from keyart.web.server import permitted_hosts

    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(
        create_app(library, TOKEN, permitted_hosts("127.0.0.1", port)), log_level="error", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture(scope="session")
def address(library):
    """The address of a running server."""
    with serving(library) as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    """A Chromium of the system; the tests are skipped where there is none.

    Playwright keeps an event loop running in this thread: later modules could not run one of their own.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, address):
    """Open a signed-in page of a size and a theme; its errors fail the test at its end."""
    wrong, contexts = [], []

    def open_one(path="/", size=(1280, 800), theme="light", address=address, **options):
        def watch(request):
            if not request.url.startswith((address, "blob:", "data:")):
                wrong.append(f"request to {request.url}")

        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=theme, **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        context.on("request", watch)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " (event) => console.error('policy', event.violatedDirective, event.blockedURI))"
        )
        separator = "&" if "?" in path else "?"
        page.goto(f"{address}{path}{separator}token={TOKEN}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not wrong
