"""Commands that are disturbed at each file operation, or run under limits, and then run again."""

import ctypes
import errno
import hashlib
import http.client
import json
import os
import resource
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.faults.forks import answers, is_one_line, last_line, run

TRAIN = [
    "train",
    "data=posters",
    "data.catalogue=made/catalogue.csv",
    "data.images=made/posters",
    "data.image_size=[96,64]",
    "trainer=cpu",
    "training.precision=fp32",
    "training.head_epochs=2",
    "sampler.batch_size=16",
    "model.weights=none",
    "model.backbone=test_resnet",
    "head=mlp",
    "model.hidden_size=16",
    "model.embedding_size=8",
    "callbacks.progress=false",
    "callbacks.report=false",
    "callbacks.checkpoint.every_n_steps=2",
]
POSTERS = ["--catalogue", "made/catalogue.csv", "--images", "made/posters"]
CARD = ["card", *POSTERS, "--compare", "none"]
HISTORY = ["--history", "made/history.csv"]
COMMANDS = {
    "train": [*TRAIN, "hydra.run.dir=out"],
    "sweep": [*TRAIN, "-m", "seed=1,2", "hydra.sweep.dir=out", "training.head_epochs=1"],
    "embed": ["embed", "run", *POSTERS, "--out", "out", "--json"],
    "index": ["index", "run", "--out", "out", "--json"],
    "index again": ["index", "run", "--out", "run/index", "--json"],
    "index hnsw": ["index", "run", "--out", "out", "--engine", "hnsw", "--json"],
    "index ivfpq": ["index", "run", "--out", "out", "--engine", "ivfpq", "--json"],
    "index milvus": ["index", "run", "--out", "out", "--engine", "milvus", "--json"],
    "export timm": ["export", "run", "--to", "timm", "--out", "out", "--json"],
    "export onnx": ["export", "run", "--to", "onnx", "--out", "out", "--json"],
    "export atlas": ["export", "run", "--to", "embedding-atlas", "--out", "out", "--json"],
    "export fiftyone": ["export", "run", "--to", "fiftyone", "--out", "out", "--json"],
    "evaluate": ["evaluate", "run", *POSTERS, "--json"],
    "history": ["evaluate-history", "run", *HISTORY, "--json"],
    "recommend": ["recommend", "run", *HISTORY, "--out", "out.parquet", "--json"],
    "search": ["search", "run", "made/posters/p0001.jpg", "--png", "out.png", "--json"],
    "explain": ["explain", "run", "p0001", "p0002", "--out", "out.png", "--json"],
    "compare": ["compare", "run", "run", "--json"],
    "check": ["check", *POSTERS, "--json"],
    "card": [*CARD, "--out", "out", "--json"],
    "fetch": ["fetch", "--catalogue", "made/urls.csv", "--to", "out", "--allow-private", "--rate", "1000", "--json"],
    "doctor": ["doctor", "--clear-cache", "all", "--json"],
    "serve": ["serve", "run", *HISTORY],
}
ROUTES = [
    *(f"posters/{row}/image" for row in range(3)),
    "search?query=p0001",
    "search?row=2&hide_duplicates=true",
    "titles?text=p0",
    "order?by=look",
    "map",
    "posters/1/frozen",
    "explain?a=1&b=2",
    "recommend?user=u1",
]
"""What is asked of a server below ``/api/runs/0/``."""
WARM = "warm"
"""Folder beside that of the posters: the cache that the first training has left."""
AGAIN = {"sweep": [TRAIN[0], "-m", "resume_sweep=out"]}
"""How to go on where the same command once more is refused, with these words in the message."""
STOPS = {"Ctrl-C": -signal.SIGINT, "Ctrl-C twice": -100 - signal.SIGINT, "SIGTERM": -signal.SIGTERM}
FAULTS = ["kill", "disk full", *STOPS, "read-only", "file size", "64 descriptors", "memory"]
ENDS = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)
"""Exit codes of commands that a signal ended."""


def visit(address: str) -> None:
    """Ask a server for all that it caches, print digests of its answers, and stop it: in place of a browser."""
    server, _, token = address.partition("/?token=")
    digests = {}
    for route in ROUTES:
        request = urllib.request.Request(f"{server}/api/runs/0/{route}", headers={"Authorization": f"Bearer {token}"})
        try:
            while (answer := urllib.request.urlopen(request)).status == 202:
                time.sleep(0.05)
            digests[route] = hashlib.blake2b(answer.read()).hexdigest()
        except urllib.error.HTTPError as error:
            print(f"keyart serve: {json.loads(error.read())['error']}", file=sys.stderr, flush=True)
            os._exit(2)
        except (OSError, http.client.HTTPException):  # it has been stopped
            return
    print(json.dumps(digests), flush=True)
    os.kill(os.getpid(), signal.SIGINT)


class Trial:
    """A folder in which one command is run, interrupted and run again.

    Args:
        base: The folder with all that the commands read; it is copied for each try.
        name: The command's name in `COMMANDS`.
    """

    def __init__(self, base: Path, name: str) -> None:
        self.base, self.folder, self.name, self.command = base, base.with_name("try"), name, COMMANDS[name]
        self.shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self.memory, self.sizes = 0, [0]

    def start_over(self) -> None:
        """Copy all that the command reads, without a cache unless it is to be cleared."""
        os.chdir("/")
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.base, self.folder, symlinks=True)
        if self.name == "doctor":
            shutil.copytree(self.base.with_name(WARM), self.folder / "cache")
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

        known = set(Path().rglob("*"))
        code, output, self.memory = run(self.command, count)
        written = {path for path in Path().rglob("*") if path.is_file()} - known
        self.sizes += sorted({path.stat().st_size - 1 for path in written if path.stat().st_size > 1})
        if code:
            raise SystemExit(f"{' '.join(self.command)}: exit code {code} without any fault\n{output}")
        return self.answers(output), int(record.read_text())

    def answers(self, output: str) -> str:
        """Return a digest of what the command has left, and of what an index answers."""
        found = answers(output)
        if self.command[0] == "index":
            folder = self.command[self.command.index("--out") + 1]
            code, output, _ = run(["search", "run", "p0001", "--index", folder, "--json"])
            found += answers(output) if code == 0 else last_line(code, output)
        if self.name == "doctor":
            found += "".join(
                str(path) for path in Path("cache").rglob("*") if path.is_file() and path.suffix != ".lock"
            )
        return found

    def go_on(self) -> tuple[int, str, int]:
        """Run the command again, or what it says is to be run instead."""
        code, output, memory = run(self.command)
        other = AGAIN.get(self.name)
        return run(other) if other and code == 2 and other[-1] in output else (code, output, memory)

    def outcome(self, known: str, limits: Callable[[], None]) -> str:
        """Disturb a run, run it again, and return ``held``, or what was lost."""
        self.start_over()
        code, output, memory = run(self.command, limits)
        self.memory = max(self.memory, memory)
        if code == 0 and (self.name != "serve" or "{" in output):  # it needed nothing of what it was denied
            return "held" if self.answers(output) == known else "another answer"
        if "Traceback" in output or not (code in (0, *ENDS) or is_one_line(code, output)):
            return last_line(code, output)
        code, output, memory = self.go_on()
        self.memory = max(self.memory, memory)
        if code:
            return f"again: {last_line(code, output)}"
        left = [str(path) for path in Path().rglob("*.part")]
        return (
            f"draft left: {left[0]}" if left else "held" if self.answers(output) == known else "again: another answer"
        )

    def faults(self, operations: int, sample: int | None) -> dict[str, list[Callable[[], None]]]:
        """Return the faults to try, by name.

        Args:
            operations: Number of the command's operations.
            sample: How many kills to try, half as many of each other fault; None: all.
        """

        def strikes(fault: int, n: int | None) -> list[Callable[[], None]]:
            n = operations if n is None else min(n, operations)
            folder = os.fsencode(self.folder)
            at = [1 + (2 * i + 1) * operations // (2 * n) for i in range(n)]
            return [lambda k=k: self.shim.fault_arm(folder, k, fault) for k in at]  # type: ignore[misc]

        few = None if sample is None else -(-sample // 2)
        found = {"kill": strikes(0, sample), "disk full": strikes(errno.ENOSPC, few)}
        found |= {name: strikes(fault, few) for name, fault in STOPS.items()}
        found["read-only"] = strikes(errno.EROFS, few)
        # Each file in turn lacks its last byte, which a library may write when it closes the file and forget.
        every = max(1, len(self.sizes) // few) if few else 1
        limits = {
            "file size": [limit(resource.RLIMIT_FSIZE, size) for size in self.sizes[::every]],
            "64 descriptors": [limit(resource.RLIMIT_NOFILE, 64)],
            "memory": [memory_limit(more << 20) for more in (16, 64, 256)],
        }
        return found | {name: tries[:few] for name, tries in limits.items()}


def limit(kind: int, value: int) -> Callable[[], None]:
    """Return a function that limits a resource of a child; a file above the limit is an error, not a signal."""

    def set_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(kind, (value, value))

    return set_limit


def memory_limit(more: int) -> Callable[[], None]:
    """Return a function that lets a child use so many more bytes than it has."""
    return lambda: limit(resource.RLIMIT_AS, int(Path("/proc/self/statm").read_text().split()[0]) * 4096 + more)()
