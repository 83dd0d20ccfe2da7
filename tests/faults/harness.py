"""Commands under every fault, and hostile input of every kind: how many were tried, and how many held?

``python -m tests.faults.harness`` (``make faults``) tries all; with ``--sample N``, N of each row. A preloaded library
(`shim.c`) counts file operations and strikes at one of them (`strikes.py`); hostile input is a table (`cases.py`). Two
maintained tools do not fit: ``strace -e inject`` counts each thread separately and needs a permission that containers
rarely have; libfiu lets calls fail, but cannot kill. Both would need a new process for each try, and seconds for
its imports; here, a process that has imported everything forks a child for each try.
"""

import argparse
import ctypes
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import webbrowser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.cases import CACHED, ROWS, Case
from tests.faults.forks import answers, is_one_line, last_line, run
from tests.faults.strikes import COMMANDS, FAULTS, HISTORY, POSTERS, TRAIN, WARM, Trial, visit

HERE = Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
ENDS = {"answered": (0, 1, 2, 130), "refused": (2,), "done": (0,), "same": (0,)}
"""Exit codes by how a case has to end; 1: a check that found faults."""


def import_all() -> None:
    """Import what the commands do, so that no child has to."""
    import aiohttp  # noqa: F401
    import faiss  # noqa: F401
    import lightning  # noqa: F401
    import onnxruntime  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pymilvus  # noqa: F401
    import safetensors.torch  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import timm  # noqa: F401

    import keyart.api.run
    import keyart.catalogue.download
    import keyart.cli.hydra_entry
    import keyart.launch.run_job
    import keyart.reports
    import keyart.reports.card.write
    import keyart.runs.embed
    import keyart.runs.export
    import keyart.runs.recommend
    import keyart.training.train
    import keyart.web.server  # noqa: F401


def prepare(base: Path) -> None:
    """Write posters, a history, addresses of a local server and a trained run into a folder."""
    from tests.catalogue.download.server import Server, body
    from tests.helpers import draw_posters

    draw_posters(base / "made", n=60, size=(64, 96))
    rows = [f"u{user},p{film:04d},{1 + (user + film) % 5}" for user in range(6) for film in range(user, 60, 4)]
    (base / "made" / "history.csv").write_text("userId,id,rating\n" + "\n".join(rows) + "\n")
    files = sorted((base / "made" / "posters").iterdir())[:4]
    reading, writing = os.pipe()
    if os.fork() == 0:  # threads of this process would not survive a fork
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        server = Server()
        server.routes = {f"/{file.name}": body(file.read_bytes()) for file in files}
        os.write(writing, server.url.encode())
        signal.pause()
    url = os.read(reading, 100).decode()
    table = [f"{file.stem},Drama,{url}/{file.name}" for file in files]
    (base / "made" / "urls.csv").write_text("\n".join(["id,genres,url", *table]) + "\n")
    os.chdir(base)
    os.environ["KEYART_CACHE"] = str(base / "cache")
    finish([*TRAIN, "hydra.run.dir=run"])
    (base / "cache").rename(base.with_name(WARM))


def prepare_cases(base: Path, ready: Path) -> str:
    """Add embeddings, indexes and a warm cache; return the answers of the command that has filled the cache."""
    shutil.copytree(base, ready)
    # A file that is no image: the cache records it, too.
    (ready / "made" / "posters" / "none.jpg").write_bytes(b"no image")
    table = (ready / "made" / "catalogue.csv").read_text()
    (ready / "made" / "with_fault.csv").write_text(f"{table}none.jpg,Drama,None,1999\n")
    os.chdir(ready)
    os.environ["KEYART_CACHE"] = str(ready / "cache")
    for shard in ("1/2", "2/2"):
        finish(["embed", "run", *POSTERS, "--shard", shard, "--out", "parts"])
    for engine in ("flat", "hnsw", "ivfpq"):
        finish(["index", "run", "--engine", engine, "--out", f"indexes/{engine}"])
    finish(["evaluate-history", "run", *HISTORY])
    known = answers(finish(CACHED))
    shutil.rmtree("out")
    return known


def finish(command: list[str]) -> str:
    code, output, _ = run(command)
    if code:
        raise SystemExit(f"{' '.join(command)}: {last_line(code, output)}")
    return output


def files_below(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of each file that is no output, cache or lock."""
    found = {}
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if inside.parts[0].split(".")[0] not in ("out", "cache") and not path.is_dir():
            entry = path.lstat()
            found[str(inside)] = (entry.st_size, entry.st_mtime_ns)
    return found


def outcome(case: Case, ready: Path, known: str) -> tuple[str, int]:
    """Try a case in a copy of a folder; return ``held`` or what was lost, and the peak memory in KiB."""
    folder = ready.with_name("try")
    os.chdir("/")
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwx", folder], check=False)
        shutil.rmtree(folder)
    shutil.copytree(ready, folder, symlinks=True)
    os.chdir(folder)
    os.environ["KEYART_CACHE"] = str(folder / "cache")
    run([], call=lambda _: case.change() and None)  # a library's threads do not survive a fork
    before = files_below(folder)

    def child() -> None:
        os.environ["KEYART_TOKEN"] = "short"  # serve checks it last, and does not start
        case.child()

    code, output, memory = run(case.arguments, child)
    after = files_below(folder)
    lost = [name for name in before if after.get(name) != before[name]]
    strange = [name for name in after if name not in before] if case.tidy else []
    if any(folder.rglob("canary")):
        return f"code was run: {last_line(code, output)}", memory
    if "Traceback" in output or code not in ENDS[case.ends] or (code == 2 and output and not is_one_line(code, output)):
        return last_line(code, output), memory
    if case.tidy and (lost or strange):
        return f"changed: {lost + strange}"[:200], memory
    return "held" if case.ends != "same" or answers(output) == known else "another answer", memory


def other_machines(base: Path) -> list[str]:
    """Run a command in processes of other locales; return how each ended."""
    changes: dict[str, dict[str, str]] = {
        "C": {"LC_ALL": "C"},
        "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "POSIX": {"LC_ALL": "POSIX", "LANG": ""},
        "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
        "unknown": {"LC_ALL": "xx_XX", "PYTHONUTF8": "0"},
        "latin-1 terminal": {"PYTHONIOENCODING": "latin-1"},
        "ASCII terminal": {"PYTHONIOENCODING": "ascii"},
    }
    found = []
    for name, change in changes.items():
        environment = {key: value for key, value in (os.environ | change).items() if key != "LD_PRELOAD"}
        for line in (["search", "run", "made/posters/p0001.jpg", "--json"], ["check", "--catalogue", "映画.csv"]):
            command = [sys.executable, "-m", "keyart", *line]
            done = subprocess.run(command, cwd=base, env=environment, capture_output=True, check=False)
            held = done.returncode == 0 if "run" in line else done.returncode == 2 and done.stderr.count(b"\n") == 1
            found.append("held" if held else f"{name}: {done.stderr.strip()[-200:]!r}")
    return found


class Table:
    """The table that is printed: a line for each row as soon as it is complete, and the totals at the end."""

    def __init__(self) -> None:
        self.rows: dict[str, Counter[str]] = {}
        self.memory: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        print(f"{'row':<32} {'tried':>6} {'held':>6} {'lost':>6} {'peak memory':>12}", flush=True)

    def add(self, row: str, place: str, found: list[str], memory: int) -> None:
        """Count how the tries of a row ended, and print a line."""
        held = found.count("held")
        self.rows.setdefault(row, Counter()).update(tried=len(found), held=held)
        self.memory[row] = max(self.memory[row], memory)
        name = ": ".join(filter(None, (row, place)))
        print(f"{name:<32} {len(found):>6} {held:>6} {len(found) - held:>6} {memory >> 10:>8,} MiB", flush=True)
        for text, times in Counter(found).items():
            if text != "held":
                self.lost[f"{name}: {times} × {text}"] += times
                print(f"  {times} × {text}", flush=True)

    def end(self) -> int:
        """Print the totals as a table of Markdown; return 1 if something was lost."""
        print("\n| row | tried | held | peak memory |\n| --- | ---: | ---: | ---: |")
        for row, counts in self.rows.items():
            print(f"| {row} | {counts['tried']:,} | {counts['held']:,} | {self.memory[row] >> 10:,} MiB |")
        print("\n" + ("\n".join(self.lost) if self.lost else "nothing was lost; no foreign code was run"), flush=True)
        return 1 if self.lost else 0


def sampled(cases: Iterator[Case], count: int | None) -> list[Case]:
    """Return all cases, or some at equal distances."""
    found = list(cases)
    return found if count is None else found[len(found) // (2 * count) :: max(1, len(found) // count)][:count]


def main() -> int:
    """Try all faults and hostile inputs, print a table, and return 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="tries for each row of each command; all by default")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="the commands to strike")
    parser.add_argument("--faults", default=",".join(FAULTS), help="the faults that strike them")
    parser.add_argument("--rows", default=",".join([*ROWS, "locales"]), help="the rows of hostile input")
    options = parser.parse_args()
    if "LD_PRELOAD" not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            shim = Path(folder) / "shim.so"
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, HERE / "shim.c", "-ldl"], check=True)
            environment = {**os.environ, "LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
            environment["PYTHONPATH"] = os.pathsep.join(
                filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")])
            )
            return subprocess.run(
                [sys.executable, "-m", "tests.faults.harness", *sys.argv[1:]], env=environment
            ).returncode
    import_all()
    webbrowser.open = visit  # type: ignore[assignment]
    gc.freeze()  # so that children do not copy the pages of all objects
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name).resolve()
        top.chmod(0o755)  # some cases run as another user
        base, ready = top / "base", top / "ready"
        base.mkdir()
        prepare(base)
        for command in filter(None, options.commands.split(",")):
            trial = Trial(base, command)
            known, operations = trial.measure()
            for fault, tries in trial.faults(operations, options.sample).items():
                if tries and fault in options.faults.split(","):
                    table.add(fault, command, [trial.outcome(known, limits) for limits in tries], trial.memory)
        if rows := list(filter(None, options.rows.split(","))):
            known = prepare_cases(base, ready)
        for row in rows:
            if row == "locales":
                table.add(row, "", other_machines(base), 0)
                continue
            os.chdir(ready)
            found: list[str] = []
            peak = 0
            for case in sampled(ROWS[row](), options.sample):
                text, memory = outcome(case, ready, known)
                found.append(text if text == "held" else f"{case.name}: {text}")
                peak = max(peak, memory)
            table.add(row, "", found, peak)
        os.chdir("/")
        subprocess.run(["chmod", "-R", "u+rwx", top], check=False)
    return table.end()


if __name__ == "__main__":
    sys.exit(main())
