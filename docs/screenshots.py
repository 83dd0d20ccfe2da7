"""Take the pictures of docs/serve.md: `python docs/screenshots.py RUN OTHER` of demo runs (never of real posters).

Needs the extra [serve], playwright and a Chromium.
"""

import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

OUT = Path(__file__).parent / "serve"
SIZE = {"width": 1280, "height": 800}
HEIGHTS = {"why": 980, "compare": 1280}
"""Heights of views that do not fit."""
WIDTH = 960
VIEWS = {
    "search": ("light", "/?row=3&genre=Drama"),
    "why": ("light", "/poster?row=3&with=848"),
    "wall": ("dark", "/wall?by=look"),
    "map": ("light", "/map"),
    "viewer": ("dark", "/viewer?liked=3.40.77"),
    "compare": ("light", "/compare?row=3"),
    "board": ("dark", "/board?board=1.4.17.33.40.77.120.256.300.512"),
}


def settle(page: Page) -> None:
    """Wait until nothing loads any more."""
    deadline = time.monotonic() + 180
    # Pictures below the window are not loaded before they are needed.
    idle = """() => !document.querySelector('main .busy') && [...document.images].every(
        (one) => one.complete || one.getBoundingClientRect().top > innerHeight)"""
    quiet = 0
    while quiet < 4 and time.monotonic() < deadline:
        quiet = quiet + 1 if page.evaluate(idle) else 0
        page.wait_for_timeout(250)


def main() -> None:
    """Serve the run and take a picture of every view."""
    OUT.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "keyart", "serve", *sys.argv[1:], "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        address = next(line.strip() for line in server.stdout if "?token=" in line)
        base = re.sub(r"/\?.*", "", address)
        with sync_playwright() as started:
            flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            for name, (theme, path) in VIEWS.items():
                page = browser.new_page(
                    viewport={**SIZE, "height": HEIGHTS.get(name, SIZE["height"])},
                    color_scheme="dark" if theme == "dark" else "light",
                )
                page.goto(address)
                page.goto(base + path)
                settle(page)
                picture = Image.open(io.BytesIO(page.screenshot()))
                picture.resize((WIDTH, WIDTH * picture.height // picture.width), Image.Resampling.LANCZOS).save(
                    OUT / f"{name}.webp", quality=80, method=6
                )
                page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
