"""Probes of libraries in a subprocess, so that a crash ends only the subprocess."""

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

TORCH = """
import json, os, torch
def has(name):
    test = getattr(torch.cpu, name, None)
    return bool(test and test())
cuda = []
if torch.cuda.is_available():
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        device = {"name": about.name, "capability": f"{about.major}.{about.minor}", "total_bytes": about.total_memory}
        try:
            device["free_bytes"] = torch.cuda.mem_get_info(i)[0]
            ones = torch.ones(8, device=f"cuda:{i}")
            device["works"] = float(ones @ ones) == 8.0
        except Exception as error:
            device["works"], device["why"] = False, str(error).splitlines()[0]
        cuda.append(device)
print(json.dumps({
    "version": torch.__version__,
    "cuda_built_for": torch.version.cuda,
    "cuda": cuda,
    "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    "threads": torch.get_num_threads(),
    "bf16_cpu": has("_is_avx512_bf16_supported") or has("_is_amx_tile_supported"),
    "bf16_cuda": bool(cuda) and torch.cuda.is_bf16_supported(including_emulation=False),
}))
"""

FAISS = """
import json, numpy, faiss
gpu_build = hasattr(faiss, "StandardGpuResources")
gpus = faiss.get_num_gpus() if gpu_build else 0
eye = numpy.eye(8, dtype="float32")
index = faiss.IndexFlatL2(8)
index.add(eye)
assert (index.search(eye, 1)[1][:, 0] == numpy.arange(8)).all(), "a search on the CPU went wrong"
if gpus:
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(16 << 20)
    found = faiss.index_cpu_to_gpu(resources, 0, index).search(eye, 1)[1][:, 0]
    assert (found == numpy.arange(8)).all(), "a search on the GPU went wrong"
print(json.dumps({"version": faiss.__version__, "gpu_build": gpu_build, "gpus": gpus}))
"""


@dataclass(frozen=True)
class Answer:
    """Answer of a probe.

    Args:
        values: Values that the probe printed; empty if it failed.
        fault: Why the probe failed, in one line; None if it succeeded.
    """

    values: dict[str, Any] = field(default_factory=dict)
    fault: str | None = None


def ask(code: str, timeout: float = 60.0) -> Answer:
    """Run code in a new interpreter and parse the last line of its standard output as a JSON object.

    Args:
        code: Python code.
        timeout: Seconds after which the process counts as hanging; the first import from a cold disk takes long.

    Examples:
        >>> ask("print('{}')").fault is None
        True
        >>> ask("import os; os.abort()").fault
        'the process was ended by SIGABRT'
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(fault=f"no answer within {timeout:g} s")
    if done.returncode < 0:
        return Answer(fault=f"the process was ended by {signal.Signals(-done.returncode).name}")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it printed nothing"]
        return Answer(fault=" ".join(said[-1].split()))
    values: dict[str, Any] = json.loads(lines[-1])
    return Answer(values)
