"""Commands that the Makefile's targets run, with and without a network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


def make(*arguments):
    return subprocess.run(["make", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_tests_are_not_skipped_in_silence():
    done = make("test-gpu", f"ENV={sys.prefix}")
    assert done.returncode == 2
    assert "torch finds no GPU here" in done.stderr


def test_an_environment_that_exists_is_used_as_it_is():
    lines = make("--dry-run", "test-gpu", "ENV=/opt/keyart").stdout
    assert "pip install" not in lines
    for part in ("pytest tests -m gpu", "benchmarks/gpu.py", "benchmarks/losses.py --device cuda"):
        assert f"/opt/keyart/bin/python {'-m ' if 'pytest' in part else ''}{part}" in lines


def test_wheels_are_installed_without_a_network(tmp_path):
    lines = make("--dry-run", "test-gpu", f"VENV={tmp_path / 'new'}", "WHEELS=/media/wheels").stdout.splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert len(installs) == 1
    assert "--no-index --find-links '/media/wheels' --editable '.[dev]'" in installs[0]
    usual = make("--dry-run", "test-gpu", f"VENV={tmp_path / 'new'}").stdout
    assert "--no-index" not in usual
    assert "--upgrade pip" in usual
