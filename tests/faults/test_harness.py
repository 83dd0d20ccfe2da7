"""A sample of `make faults`: commands that are struck, and hostile input, end as they should."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("cc") and sys.platform == "linux"), reason="needs Linux and a C compiler")
def test_a_sample_of_every_row_holds():
    line = [sys.executable, "-m", "tests.faults.harness", "--sample", "1", "--commands", "embed,index again"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(row.rsplit(maxsplit=5)[:2] for row in done.stdout.splitlines()[1:] if row.endswith("MiB"))
    assert {"kill: embed", "kill: index again", "disk full: embed", "Ctrl-C: embed"} <= set(counts)
    assert set(counts.values()) == {"1"}
