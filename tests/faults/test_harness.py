"""A sample of `make faults`: a command that is struck, and hostile input, end as they should."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("cc") and sys.platform == "linux"), reason="needs Linux and a C compiler")
def test_a_sample_holds():
    line = [sys.executable, "-m", "tests.faults.harness", "--sample", "1"]
    line += ["--commands", "index again", "--rows", "run files,caches"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {row.split("  ")[0]: row.split()[-5:-2] for row in done.stdout.splitlines() if row.endswith("MiB")}
    faults = ["kill", "disk full", "Ctrl-C", "Ctrl-C twice", "SIGTERM"]
    faults += ["read-only", "file size", "64 descriptors", "memory"]
    rows = [f"{fault}: index again" for fault in faults]
    assert counts == {row: ["1", "1", "0"] for row in [*rows, "run files", "caches"]}
