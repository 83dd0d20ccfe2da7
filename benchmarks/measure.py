"""Helpers of the benchmarks: alternating runs, fresh processes, peak memory, tables."""

import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
POSTERS = Path(os.environ.get("KEYART_POSTERS", ROOT.parent / "shared" / "data" / "imdb_posters"))


def seconds(step: Callable[[], Any]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def cost(step: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of one call and its CPU seconds, including those of its threads and ended processes."""

    def worked() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in used)

    before, start = worked(), time.perf_counter()
    step()
    return time.perf_counter() - start, worked() - before


def ratio(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the median of the ratios per round, because a shared machine slows both alike."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def environment(**more: str) -> dict[str, str]:
    """Return the environment for fresh processes: this one's, with ``src`` of this checkout first."""
    path = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, **more}


def fresh(arguments: Sequence[str | os.PathLike[str]], python: str = sys.executable, **more: str) -> Any:
    """Run a fresh Python and return its last line as JSON."""
    command = [python, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(**more), cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def resident(key: str = "VmRSS") -> float:
    """MiB of this process: now (``VmRSS``), or at most so far (``VmHWM``, which, unlike ru_maxrss, no parent lends)."""
    found = re.search(rf"{key}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def peak_of(step: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result of a step, its seconds, and its peak of additional memory in MiB."""
    before = resident()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark goes down to what is resident now
    start = time.perf_counter()
    result = step()
    taken = time.perf_counter() - start
    return result, taken, resident("VmHWM") - before


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def beside_goal(value: float, goal: float, *, at_most: bool = False) -> str:
    """Format a ratio with its goal and whether it is reached."""
    reached = value <= goal if at_most else value >= goal
    shown = f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"
    return f"{shown} (goal {'≤' if at_most else '≥'} {goal:g}: {'reached' if reached else 'missed'})"


def machine() -> str:
    """Describe this machine in one line."""
    import torch

    threads = torch.get_num_threads()
    return f"{os.cpu_count()} cores, {threads} thread(s), Python {platform.python_version()}, torch {torch.__version__}"


def need_posters() -> Path:
    """Return the folder of real posters (``catalogue.csv``, ``posters/``)."""
    if not (POSTERS / "catalogue.csv").is_file():
        raise SystemExit(f"no real posters at {POSTERS}: set KEYART_POSTERS to a folder with catalogue.csv, posters/")
    return POSTERS


def some_posters(folder: Path, count: int) -> Path:
    """Write a table of the first ``count`` real posters; their images are not copied."""
    lines = (need_posters() / "catalogue.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    path = folder / f"first-{count}.csv"
    path.write_text("".join(lines[: count + 1]), encoding="utf-8")
    return path


def small_run(folder: Path, posters: int = 300) -> Path:
    """Return a finished run of the default model, trained briefly: for measurements only."""
    command = [sys.executable, "train.py", "data=posters", f"data.catalogue={some_posters(folder, posters)}"]
    command += [f"data.images={need_posters() / 'posters'}", "training.head_epochs=1", "callbacks.report=false"]
    command += [f"hydra.run.dir={folder / 'run'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return Path(done.stdout.strip().splitlines()[-1])
