"""Every command, killed or failing at each of its file operations, and then run again: is the result the same?

``python -m tests.faults.harness`` (``make faults``) tries every operation; with ``--sample N``, N of each command. A
preloaded library (`shim.c`) counts operations and strikes. Two kept tools do not serve: ``strace -e inject`` counts for
each thread by itself and needs a permission that containers rarely have; libfiu lets calls fail, but kills at none.
With both, each try would be a new process, which imports for seconds; here a process that has imported everything forks
one child a try.
"""

import argparse
import contextlib
import ctypes
import errno
import hashlib
import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 120
HERE = Path(__file__).resolve().parent
TIMED = re.compile(r"second|time|date|throughput|posters_per", re.IGNORECASE)
SIZE = "[96,64]"
TRAIN = [
    "train",
    "data=posters",
    "data.catalogue=made/catalogue.csv",
    "data.images=made/posters",
    f"data.image_size={SIZE}",
    "trainer=cpu",
    "training.precision=fp32",
    "training.head_epochs=2",
    "sampler.batch_size=16",
    "model.weights=none",
    "model.backbone=test_resnet",
    "model.hidden_size=16",
    "model.embedding_size=8",
    "callbacks.progress=false",
    "callbacks.report=false",
    "callbacks.checkpoint.every_n_steps=2",
    "hydra.run.dir=out",
]
POSTERS = ["--catalogue", "made/catalogue.csv", "--images", "made/posters"]
COMMANDS = {
    "train": TRAIN,
    "embed": ["embed", "run", *POSTERS, "--out", "out", "--json"],
    "index": ["index", "run", "--out", "out", "--json"],
    "index again": ["index", "run", "--out", "run/index", "--json"],
    "export": ["export", "run", "--to", "timm", "--out", "out", "--json"],
    "evaluate": ["evaluate", "run", *POSTERS, "--json"],
    "recommend": ["recommend", "run", "--history", "made/history.csv", "--out", "out.parquet", "--json"],
}


def run(arguments: list[str], limits: Callable[[], None] = lambda: None) -> tuple[int, str, int]:
    """Run a command in a forked child; return its exit code (negative: a signal), output, and peak memory in KiB."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        code = 70
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
            sys.argv = ["keyart", *arguments]
            limits()
            from keyart.cli.app import main

            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(code)
    os.close(writing)
    output, deadline = b"", time.monotonic() + PATIENCE_SECONDS
    while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (piece := os.read(reading, 1 << 16)):
            break
        output += piece
    else:
        os.kill(child, signal.SIGTERM)
        output += b"it hangs"
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), output.decode(errors="replace"), usage.ru_maxrss


def answers(output: str) -> str:
    """Return a digest of all that a command is to leave: its vectors, metrics, tables and the JSON that it prints."""
    found = hashlib.blake2b()
    for path in sorted([*Path().glob("out*"), *Path("out").rglob("*"), *Path("run/index").rglob("*")]):
        kept = path.suffix in (".safetensors", ".parquet", ".faiss", ".npy", ".pt") or path.name == "splits.csv"
        if path.name == "metrics.json":
            metrics = json.loads(path.read_text())
            found.update(json.dumps({key: metrics[key] for key in sorted(metrics) if not TIMED.search(key)}).encode())
        elif path.is_file() and kept and not path.name.startswith("."):
            found.update(f"{path}\0".encode() + hashlib.blake2b(path.read_bytes()).digest())
    try:
        printed = json.loads(output[output.index("{") :])
    except ValueError:
        return found.hexdigest()
    # An interrupted job has less to compute when it goes on.
    left = {key: value for key, value in printed.items() if key != "computed" and not TIMED.search(key)}
    found.update(json.dumps(left, sort_keys=True).encode())
    return found.hexdigest()


def is_one_line(code: int, output: str) -> bool:
    """Return whether a command that could not do what it was asked says so in one line, without a traceback."""
    # Libraries may have said something before, without an end of their line.
    return code == 2 and len(re.findall(r"(?:keyart|train\.py): ", output)) == 1 and "Traceback" not in output


class Trial:
    """A folder in which one command is run, interrupted and run again.

    Args:
        base: The folder with all that the commands read; it is copied for each try.
        name: The command's name in `COMMANDS`.
    """

    def __init__(self, base: Path, name: str) -> None:
        self.base, self.folder, self.command = base, base.with_name("try"), COMMANDS[name]
        self.shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self.memory = 0

    def start_over(self) -> None:
        os.chdir("/")
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder, symlinks=True)
        os.chdir(self.folder)
        os.environ["KEYART_CACHE"] = str(self.folder / "cache")

    def measure(self) -> tuple[str, int]:
        """Return the answers of an undisturbed run, and its number of operations."""
        self.start_over()
        record = self.folder.with_name("count")

        def count() -> None:
            self.shim.fault_arm(os.fsencode(self.folder), 0, 0)
            exit_now = os._exit

            def leave(code: int) -> None:
                record.write_text(str(self.shim.fault_count()))
                exit_now(code)

            os._exit = leave  # type: ignore[assignment]

        code, output, self.memory = run(self.command, count)
        if code:
            raise SystemExit(f"{' '.join(self.command)}: exit code {code} without any fault\n{output}")
        return answers(output), int(record.read_text())

    def outcome(self, known: str, limits: Callable[[], None]) -> str:
        """Disturb a run, run it again, and return ``held``, or what was lost."""
        self.start_over()
        code, output, memory = run(self.command, limits)
        self.memory = max(self.memory, memory)
        if code == 0:  # it needed nothing of what it was denied
            return "held" if answers(output) == known else "another answer"
        if code not in (2, -signal.SIGKILL) or (code == 2 and not is_one_line(code, output)):
            return f"exit code {code}: " + (output.strip().splitlines() or ["nothing said"])[-1]
        code, output, memory = run(self.command)
        self.memory = max(self.memory, memory)
        if code:
            return f"again: exit code {code}: " + (output.strip().splitlines() or ["nothing said"])[-1]
        left = [str(path) for path in Path().rglob("*.part")]
        return f"draft left: {left[0]}" if left else "held" if answers(output) == known else "again: another answer"

    def strike(self, k: int, error: int = 0) -> Callable[[], None]:
        """Return what arms the library in a child: a kill at the k-th operation, or this error from there on."""
        return lambda: self.shim.fault_arm(os.fsencode(self.folder), k, error)


def limit(kind: int, value: int) -> Callable[[], None]:
    """Return what limits a resource of a child; a larger file is an error there, not a signal."""

    def set_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(kind, (value, value))

    return set_limit


def memory_limit(more: int) -> Callable[[], None]:
    """Return what lets a child take so many more bytes than it has."""
    return lambda: limit(resource.RLIMIT_AS, int(Path("/proc/self/statm").read_text().split()[0]) * 4096 + more)()


def faults(trial: Trial, operations: int, sample: int | None) -> dict[str, list[Callable[[], None]]]:
    """Return the faults to try, by name."""

    def some(n: int | None) -> list[int]:
        n = operations if n is None else min(n, operations)
        return [1 + (2 * i + 1) * operations // (2 * n) for i in range(n)]

    found = {
        "kill": [trial.strike(k) for k in some(sample)],
        "disk full": [trial.strike(k, errno.ENOSPC) for k in some(None if sample is None else 1)],
    }
    if sample is not None:
        return found
    return found | {
        "read-only": [trial.strike(1, errno.EROFS)],
        "file size": [limit(resource.RLIMIT_FSIZE, size) for size in (0, 1 << 10, 1 << 14, 1 << 16)],
        "64 descriptors": [limit(resource.RLIMIT_NOFILE, 64)],
        "memory": [memory_limit(more << 20) for more in (16, 64, 256)],
    }


def prepare(base: Path) -> None:
    """Write posters, a history and a trained run into a folder."""
    from tests.helpers import draw_posters

    draw_posters(base / "made", n=60, size=(64, 96))
    rows = [f"u{user},p{film:04d},{1 + (user + film) % 5}" for user in range(6) for film in range(user, 60, 4)]
    (base / "made" / "history.csv").write_text("userId,id,rating\n" + "\n".join(rows) + "\n")
    os.chdir(base)
    os.environ["KEYART_CACHE"] = str(base / "cache")
    code, output, _ = run([*TRAIN[:-1], "hydra.run.dir=run"])
    if code:
        raise SystemExit(output)
    shutil.rmtree(base / "cache")


def import_all() -> None:
    """Import what the commands do, so that no child has to."""
    import faiss  # noqa: F401
    import lightning  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import safetensors.torch  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import timm  # noqa: F401

    import keyart.api.run
    import keyart.cli.hydra_entry
    import keyart.launch.run_job
    import keyart.reports
    import keyart.runs.embed
    import keyart.runs.export
    import keyart.runs.recommend
    import keyart.training.train  # noqa: F401


def other_machines(base: Path) -> list[str]:
    """Run a command in processes of odd settings; return what was lost."""
    lost = []
    for name, change in {
        "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
        "latin-1 terminal": {"PYTHONIOENCODING": "latin-1"},
        "no HOME": {"HOME": None, "KEYART_CACHE": None, "XDG_CACHE_HOME": str(base / "xdg")},
    }.items():
        environment = {key: value for key, value in (os.environ | change).items() if value is not None}
        environment.pop("LD_PRELOAD", None)
        line = [sys.executable, "-m", "keyart", "search", "run", "made/posters/p0001.jpg", "--json"]
        done = subprocess.run(line, cwd=base, env=environment, capture_output=True, text=True, check=False)
        if done.returncode or not json.loads(done.stdout):
            lost.append(f"{name}: {done.stderr.strip()[-200:]}")
    return lost


def main() -> int:
    """Try all faults, print a table, and return 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="operations to kill at, for each command; all by default")
    parser.add_argument("--commands", default=",".join(COMMANDS), help="which commands")
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
    lost: Counter[str] = Counter()
    print(f"{'command':<12} {'fault':<15} {'tried':>6} {'held':>6} {'lost':>6} {'peak memory':>12}")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder).resolve() / "base"
        base.mkdir()
        prepare(base)
        for name in options.commands.split(","):
            trial = Trial(base, name)
            known, operations = trial.measure()
            for fault, tries in faults(trial, operations, options.sample).items():
                found = [trial.outcome(known, limits) for limits in tries]
                held = found.count("held")
                if tries:
                    peak = f"{trial.memory >> 10:,} MiB"
                    print(
                        f"{name:<12} {fault:<15} {len(found):>6} {held:>6} {len(found) - held:>6} {peak:>12}",
                        flush=True,
                    )
                for text, times in Counter(found).items():
                    if text != "held":
                        lost[f"{name}, {fault}: {times} × {text}"] += times
        if options.sample is None:
            for text in other_machines(base):
                lost[text] += 1
        os.chdir("/")
    print("\n".join(lost) if lost else "nothing was lost")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
