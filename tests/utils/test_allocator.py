"""Kept freed memory, tested in a separate process, because malloc's settings cannot be reverted."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import keyart

SCRIPT = """
import json, resource
import torch
from keyart.utils.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(16 << 20)  # 64 MiB: 16,384 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
before = faults()
print(json.dumps([before, keep_freed_memory(), keep_freed_memory(), faults(), faults()]))
"""


def answer(script, **variables):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**plain, **variables}
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_is_used_again():
    before, kept, again, _, after = answer(SCRIPT)
    assert kept
    assert again
    assert before > 20 * 16  # each block again, in pages of 4 KiB or 2 MiB
    assert after < before / 10


def test_only_programs_change_the_allocator():
    sources = Path(keyart.__file__).parent
    users = {
        path.relative_to(sources).parts[0] for path in sources.rglob("*.py") if "keep_freed_memory" in path.read_text()
    }
    assert users == {"cli", "launch", "utils"}


@pytest.mark.parametrize("variables", [{"MALLOC_ARENA_MAX": "2"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}])
def test_what_a_person_has_set_stays(variables):
    script = "import json; from keyart.utils.allocator import keep_freed_memory; print(json.dumps(keep_freed_memory()))"
    assert answer(script, **variables) is False
