"""A sample of `make faults`: commands killed or failing at file operations leave what the next run needs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("cc") and sys.platform == "linux"), reason="needs Linux and a C compiler")
def test_commands_survive_kills_and_a_full_disk():
    line = [sys.executable, "-m", "tests.faults.harness", "--sample", "2", "--commands", "train,embed,index again"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [row.split() for row in done.stdout.splitlines()[1:-1]]
    assert [(row[-5], row[-4], row[-3]) for row in rows if "kill" in row] == [("2", "2", "0")] * 3
    assert [(row[-5], row[-4], row[-3]) for row in rows if "disk" in row] == [("1", "1", "0")] * 3
