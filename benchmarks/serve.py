"""The server and page of `keyart serve` on a synthetic catalogue: bytes, latency, nodes, memory, and load.

    pip install -e ".[bench,serve]"
    python benchmarks/serve.py [--posters 100000] [--clients 50] [--seconds 30]

The catalogue has titles, years and genres of the usual frequencies; its posters share 200 picture files. The server
runs in a process of its own, as `keyart serve` starts it, with an empty cache. First come single requests, one after
another: the first (of the map and of titles with the wait until they are ready), and the median of five more. Then
Chromium counts the page's nodes, before and after the wall is scrolled to its end (skipped where Playwright or Chromium
is missing). Last, Locust's clients search, look at posters and type titles, each pausing for up to two seconds, on the
machine that the server runs on too.
"""

import argparse
import csv
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import measure
import numpy as np
import pandas as pd
from index import clustered
from PIL import Image

from keyart.models.backbone_factory import create_backbone
from keyart.models.embedder import Embedder
from keyart.models.heads.build import build_head
from keyart.retrieval.engines.registry import choose_engine, find_engine
from keyart.retrieval.index import PosterIndex
from keyart.utils.checksums import embedder_digest
from keyart.utils.files import write_json

PICTURES, SIZE, TOKEN = 200, (96, 64), "a-token-of-the-benchmark"
GENRES = ("Drama", "Comedy", "Romance", "Thriller", "Action", "Horror", "Documentary", "Western")
WORDS = ("night", "river", "last", "king", "house", "summer", "letter", "stranger", "city", "dream", "winter", "road")
REQUESTS = {
    "page": "/",
    "status": "/api/status",
    "search by id": "/api/runs/0/search?query=p5&k=60",
    "search by title": "/api/runs/0/search?query=quiet+harbour&k=60",
    "filtered search": "/api/runs/0/search?query=p5&k=60&genre=Drama&year=1990-1999",
    "suggestions": "/api/runs/0/titles?text=quiet+harbor",
    "facets": "/api/runs/0/facets",
    "a poster's picture": "/api/runs/0/posters/5/image?width=160",
    "map": "/api/runs/0/map",
    "colours of the map": "/api/runs/0/colours",
    "order by look": "/api/runs/0/order?by=look",
    "order by title": "/api/runs/0/order?by=title",
}
LOCUST = """
import random
from locust import HttpUser, between, task

class Client(HttpUser):
    wait_time = between(0, 2)
    def on_start(self):
        self.client.headers["Authorization"] = "Bearer {token}"
    @task(3)
    def search(self):
        self.client.get(f"/api/runs/0/search?query=p{{random.randrange({posters})}}&k=60", name="search")
    @task(3)
    def picture(self):
        self.client.get(f"/api/runs/0/posters/{{random.randrange({posters})}}/image?width=160", name="picture")
    @task(1)
    def titles(self):
        text = random.choice(["river", "kng", "house 1"])
        self.client.get(f"/api/runs/0/titles?text=last+{{text}}", name="suggestions")
"""


def make_run(folder: Path, posters: int) -> Path:
    """Write a run over drawn pictures with an index of ``posters`` rows."""
    rng = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    for number in range(PICTURES):
        pixels = rng.integers(0, 255, (12, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((400, 600), Image.Resampling.BICUBIC).save(folder / "pictures" / f"{number}.jpg")
    run = folder / "run"
    run.mkdir()
    backbone: Any = create_backbone("test_resnet", "none", image_size=SIZE)
    Embedder(backbone, build_head("linear", backbone.groups, 128)).eval().save(run / "embedder")
    write_json(run / "config.yaml", {"data": {"image_size": list(SIZE), "on_bad_poster": "error"}, "training": {}})
    write_json(run / "metrics.json", {})
    write_json(run / "environment.json", {"dataset": {"images": str(folder / "pictures")}})
    chosen = rng.integers(0, len(WORDS), (posters, 2))
    table = pd.DataFrame(
        {
            "id": [f"p{row}" for row in range(posters)],
            "film": [f"p{row}" for row in range(posters)],
            "img": [f"{row % PICTURES}.jpg" for row in range(posters)],
            "title": [f"The {WORDS[a].title()} {WORDS[b].title()} {row}" for row, (a, b) in enumerate(chosen)],
            "year": pd.array(rng.integers(1920, 2025, posters), dtype="Int64"),
            "genres": ["|".join(GENRES[a] for a in sorted(set(rng.geometric(0.4, 2) % 8))) for _ in range(posters)],
            "split": pd.array(["train"] * posters, dtype="string"),
        }
    )
    table.loc[5, "title"] = "The Quiet Harbour"
    notes = {"embedder": embedder_digest(run / "embedder"), "images": str(folder / "pictures")}
    index = PosterIndex.of(clustered(posters, 1000, 0.5), table, notes)
    if (kind := choose_engine(posters)) != "flat":
        engine, measured = find_engine(kind).fit(index.index, 0.95, lambda text: print(text, file=sys.stderr))  # type: ignore[attr-defined]
        index = PosterIndex(index.index, table, engine, notes | {"recall@10": measured})
    index.save(run / "index")
    return run


def start(run: Path, cache: Path) -> tuple[subprocess.Popen[str], str, float]:
    """Start the server; return its process, address and the seconds until it listens."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "keyart", "serve", str(run), "--no-browser"]
    environment = measure.environment(KEYART_TOKEN=TOKEN, KEYART_CACHE=str(cache), PYTHONUNBUFFERED="1")
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    address = re.search(r"http://[^/]+", server.stdout.readline())
    if address is None:
        raise SystemExit("keyart serve has not started")
    return server, address[0], time.perf_counter() - started


def ask(address: str, path: str) -> tuple[int, float]:
    """Return the bytes and the seconds of one answer, with the wait for what is not ready."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=600)
    started = time.perf_counter()
    while True:
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 202:
            break
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {content[:200]!r}")
    return len(content), seconds


def count_nodes(address: str) -> list[list[str]]:
    """Return the numbers of nodes of the search view and of the wall, and the bytes of the first page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        chromium = None
    if chromium is None:
        print("nodes: skipped, no Playwright or no Chromium here")
        return []
    nodes, rows = "document.querySelectorAll('*').length", []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(300_000)
        received: list[int] = []
        page.on("requestfinished", lambda one: received.append(one.sizes()["responseBodySize"]))
        page.goto(f"{address}/?token={TOKEN}")
        page.wait_for_load_state("networkidle")
        rows.append(["search view", str(page.evaluate(nodes)), f"{sum(received) / 1e3:,.0f} kB"])
        page.goto(f"{address}/wall")
        page.wait_for_load_state("networkidle")
        rows.append(["wall", str(page.evaluate(nodes)), f"{sum(received) / 1e3:,.0f} kB"])
        page.mouse.move(640, 500)
        page.mouse.wheel(0, 1e9)
        page.wait_for_timeout(3000)
        rows.append(["wall, scrolled to its end", str(page.evaluate(nodes)), f"{sum(received) / 1e3:,.0f} kB"])
        browser.close()
    return rows


def load(address: str, folder: Path, posters: int, clients: int, seconds: int) -> list[list[str]]:
    """Return a row for each kind of request under load by Locust."""
    script = folder / "locustfile.py"
    script.write_text(LOCUST.format(token=TOKEN, posters=posters), encoding="utf-8")
    command = [shutil.which("locust") or "locust", "-f", str(script), "--headless", "--host", address, "--csv"]
    command += [str(folder / "load"), "-u", str(clients), "-r", str(clients), "-t", f"{seconds}s", "--only-summary"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: some requests failed, which the table says
        raise SystemExit(done.stderr)
    with (folder / "load_stats.csv").open(encoding="utf-8") as file:
        return [
            [
                one["Name"],
                one["Request Count"],
                one["Failure Count"],
                f"{float(one['Requests/s']):.1f}",
                *(one[share] for share in ("50%", "95%", "99%")),
            ]
            for one in csv.DictReader(file)
        ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posters", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=30)
    given = parser.parse_args()
    if shutil.which("locust") is None:
        raise SystemExit("locust is missing: pip install -e '.[bench]'")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = make_run(folder, given.posters)
        server, address, waited = start(run, folder / "cache")
        try:

            def peak() -> str:
                found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
                return f"{int(found[1]) / 1024:,.0f} MiB" if found else ""

            rows = [["start until it listens", "", f"{1000 * waited:,.0f}", "", peak()]]
            for name, path in REQUESTS.items():
                size, first = ask(address, path)
                again = statistics.median(ask(address, path)[1] for _ in range(5))
                rows.append([name, f"{size:,}", f"{1000 * first:,.1f}", f"{1000 * again:,.1f}", peak()])
            title = f"{given.posters:,} posters, {os.cpu_count()} cores"
            measure.table(title, ["", "bytes", "first, ms", "again, ms", "peak memory so far"], rows)
            if nodes := count_nodes(address):
                measure.table("Chromium, 1280 × 800", ["", "nodes", "received so far"], nodes)
            loaded = load(address, folder, given.posters, given.clients, given.seconds)
            heads = ["", "requests", "errors", "a second", "p50, ms", "p95, ms", "p99, ms"]
            measure.table(f"{given.clients} clients for {given.seconds} s", heads, loaded)
            print(f"\npeak memory of the server: {peak()}")
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
