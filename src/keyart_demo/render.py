"""The demo catalogue on disk: drawn once by several processes, then found again."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
from filelock import FileLock

from keyart.errors import InputError
from keyart.utils.files import replacing_folder, write_json
from keyart.utils.paths import cache_root, user_path
from keyart_demo.films import draw_film
from keyart_demo.fonts import font_versions
from keyart_demo.table import COLUMNS, choose_pairs, other_name, poster_name, row, write_table
from keyart_demo.worker import Share, draw

# Increase it with every change that gives other posters.
VERSION = 2
_ALONE = 24
NAMES = ("posters", "other_art", "catalogue.csv", "pairs.csv", "recipe.json")

Progress = Callable[[int, int], None]


def demo_catalogue(
    folder: Path | None = None,
    *,
    n: int = 1200,
    seed: int = 0,
    pairs: int = 120,
    size: tuple[int, int] = (240, 360),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Render a catalogue of fictional film posters, or return the one that was rendered before.

    Every poster is a pure function of ``seed`` and its number: a catalogue of 200 is the beginning of one of 1,200.
    Genre speaks through palette, motif, composition and lettering, noisily; era and series are drawn independently of
    genre and of each other. Under one version of Pillow, numpy and the fonts the files are the same byte for byte.

    Args:
        folder: Where to put it; by default a folder of the cache that is named by everything that shapes the posters.
        n: Number of posters.
        seed: Another seed gives other films.
        pairs: Films with a second artwork (at most as many as there are films).
        size: Width and height of a poster in pixels.
        workers: Processes; by default as many as this process may use, at most 8.
        progress: Called with (posters done, posters in all), from another thread.

    Returns:
        The folder. It holds

        - `posters/`, JPEG;
        - `catalogue.csv`: ``img`` (a file of `posters/`), ``genres``, ``id``, ``film``, ``title``, ``year``,
          ``era_style``, ``franchise`` (empty for most), ``looks`` (the genres that were drawn, of which ``genres`` are
          noisy labels) and ``art`` (``first``; ``recut`` or ``other`` for the 3% that show another poster's film);
        - `other_art/` and `pairs.csv`: ``img``, ``other_img`` (a file of `other_art/`) and ``kind``, ``other`` for
          wholly different art, ``recut`` for the same key art in another crop, other colours and other lettering.

    Raises:
        InputError: A number is out of range, a font package is missing, the folder holds something else or cannot be
            written.
    """
    _check(n, pairs, size, workers)
    recipe = _recipe(n, seed, pairs, size)
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    target = user_path(folder).absolute() if folder is not None else cache_root() / "demo" / key
    if _finished(target, recipe):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock"):
            if _finished(target, recipe):
                return target
            if target.exists() and any(target.iterdir()):
                raise InputError(f"{target}: holds something else than these demo posters; name an empty folder")
            with replacing_folder(target, NAMES, alone=True) as building:
                _build(building, recipe, n, seed, pairs, size, workers or _processors(), progress)
    except OSError as error:
        raise InputError(
            f"{target}: demo posters cannot be written there ({error.strerror or error}); set KEYART_CACHE to a"
            " folder with space that may be written"
        ) from error
    return target


def _check(n: int, pairs: int, size: tuple[int, int], workers: int | None) -> None:
    if not 1 <= n <= 100_000:
        raise InputError(f"n={n}: a demo catalogue has 1 to 100,000 posters")
    if pairs < 0:
        raise InputError(f"pairs={pairs}: the number of second artworks is 0 or more")
    if min(size) < 60 or max(size) > 2000 or not 1.2 <= size[1] / size[0] <= 1.7:
        raise InputError(
            f"size={size[0]}x{size[1]}: demo posters are 60 to 2,000 pixels, 1.2 to 1.7 times as high as wide"
        )
    if workers is not None and workers < 1:
        raise InputError(f"workers={workers}: at least one process draws")


def _recipe(n: int, seed: int, pairs: int, size: tuple[int, int]) -> dict[str, object]:
    """Return everything that determines the files."""
    return {
        "version": VERSION,
        "n": n,
        "seed": seed,
        "pairs": pairs,
        "size": list(size),
        "pillow": PIL.__version__,
        "numpy": np.__version__,
        "fonts": font_versions(),
    }


def _finished(target: Path, recipe: dict[str, object]) -> bool:
    try:
        return bool(json.loads((target / "recipe.json").read_text()) == recipe)
    except (OSError, ValueError):
        return False


def _processors() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 8)


def _build(
    building: Path, recipe: dict[str, object], n: int, seed: int, pairs: int, size: tuple[int, int], workers: int,
    progress: Progress | None,
) -> None:  # fmt: skip
    (building / "posters").mkdir()
    (building / "other_art").mkdir()
    chosen = choose_pairs(seed, n, pairs)
    jobs = [(number, "") for number in range(n)] + chosen
    workers = 1 if len(jobs) <= _ALONE else min(workers, len(jobs))
    shares = [Share(str(building), seed, size, jobs[i::workers]) for i in range(workers)]
    done, lock = 0, threading.Lock()

    def count(_: int) -> None:
        nonlocal done
        with lock:
            done += 1
            if progress is not None:
                progress(done, len(jobs))

    if workers == 1:
        for number in draw(shares[0]):
            count(number)
    else:
        with ThreadPoolExecutor(workers) as pool:
            for running in [pool.submit(_draw_apart, share, count) for share in shares]:
                running.result()
    write_table(building / "catalogue.csv", COLUMNS, (row(draw_film(seed, number)) for number in range(n)))
    write_table(
        building / "pairs.csv",
        ("img", "other_img", "kind"),
        ({"img": poster_name(number), "other_img": other_name(number), "kind": kind} for number, kind in chosen),
    )
    write_json(building / "recipe.json", recipe)


def _draw_apart(share: Share, count: Callable[[int], None]) -> None:
    """Draw a share of the posters in a separate process, and count them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "keyart_demo.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env=environment,
        )
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(share.to_json() + "\n")
                process.stdin.close()
                for line in process.stdout:
                    count(int(line))
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            complaints.seek(0)
            raise RuntimeError(f"drawing demo posters failed: {complaints.read().decode(errors='replace').strip()}")
