"""Commands in forked children of a process that has imported everything, and what they leave."""

import contextlib
import hashlib
import json
import os
import re
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

TIMEOUT_SECONDS = 120
TIMED = re.compile(r"second|time|date|throughput|posters_per", re.IGNORECASE)
VALUES = (".safetensors", ".parquet", ".faiss", ".npy", ".pt", ".pt2", ".onnx", ".jpg", ".csv")
"""Endings of files whose content an undisturbed run repeats exactly."""


def call_main(arguments: list[str]) -> None:
    """Call the console command with these arguments; it ends by ``SystemExit``."""
    from keyart.cli.app import main

    sys.argv = ["keyart", *arguments]
    main()


def run(
    arguments: list[str], limits: Callable[[], None] = lambda: None, call: Callable[[list[str]], None] = call_main
) -> tuple[int, str, int]:
    """Run a command in a forked child; return its exit code (negative: a signal), output, and peak memory in KiB."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        code = 70
        try:
            os.setsid()  # so that what it starts ends with it
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            sys.stdout, sys.stderr = (open(n, "w", closefd=False) for n in (1, 2))  # noqa: SIM115
            limits()
            call(arguments)
            code = 0
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
    output, deadline = b"", time.monotonic() + TIMEOUT_SECONDS
    while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
        if not (piece := os.read(reading, 1 << 16)):
            break
        output += piece
    else:
        os.killpg(child, signal.SIGKILL)
        output += b"\nit hangs"
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), output.decode(errors="replace"), usage.ru_maxrss


def answers(output: str) -> str:
    """Return a digest of all that a command must leave: its vectors, metrics, tables and the JSON that it prints."""
    found = hashlib.blake2b()
    for path in sorted([*Path().glob("out*"), *Path("out").rglob("*"), *Path("run/index").rglob("*")]):
        if path.name == "metrics.json":
            metrics = json.loads(path.read_text())
            found.update(json.dumps({key: metrics[key] for key in sorted(metrics) if not TIMED.search(key)}).encode())
        elif path.is_file() and path.suffix in VALUES and not path.name.startswith(".") and not TIMED.search(path.name):
            if any(folder.suffix == ".db" for folder in path.parents):
                continue  # an embedded Milvus chooses its files anew each time; what it answers is asked for
            found.update(f"{path}\0".encode() + hashlib.blake2b(path.read_bytes()).digest())
    try:
        printed, _ = json.JSONDecoder().raw_decode(output[output.index("{") :])
    except ValueError:
        return found.hexdigest()
    # An interrupted job has less to compute when it goes on.
    left = {key: value for key, value in printed.items() if key not in RESUMED and not TIMED.search(key)}
    found.update(json.dumps(left, sort_keys=True).encode())
    return found.hexdigest()


RESUMED = ("computed", "fetched", "present", "bytes", "cleared")
"""Keys that count what a command had still to do."""


def is_one_line(code: int, output: str) -> bool:
    """Return whether a command that could not do what it was asked says so in one line, without a traceback."""
    # Libraries may have said something before, without an end of their line.
    return (
        code == 2 and len(re.findall(r"(?:keyart(?: [a-z-]+)?|train\.py): ", output)) == 1 and "Traceback" not in output
    )


def last_line(code: int, output: str) -> str:
    """Return how a command ended, for a list of what did not hold."""
    return f"exit code {code}: " + (output.strip().splitlines() or ["nothing said"])[-1][:200]
