"""Computing devices: cores, GPUs, bfloat16 support, and the build of FAISS."""

import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from keyart.cli.doctor.finding import Finding, size_text
from keyart.cli.doctor.subprocess_probe import Answer
from keyart.utils.processes import usable_cores

_REINSTALL_TORCH = "reinstall it: pip install --force-reinstall torch torchvision"


def torch_finding(answer: Answer) -> Finding:
    """Report whether torch can be imported."""
    if answer.fault is not None:
        return Finding("torch", "fault", f"import fails: {answer.fault}", _REINSTALL_TORCH, required=True)
    built = answer.values["cuda_built_for"]
    return Finding(
        "torch",
        "ok",
        f"{answer.values['version']}, built for {f'CUDA {built}' if built else 'CPU only'}",
        required=True,
        values={"version": answer.values["version"], "cuda_built_for": built},
    )


def cpu_finding(answer: Answer) -> Finding:
    """Report cores, instruction set and memory."""
    cores, memory = usable_cores(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    capability = answer.values.get("cpu_capability", "unknown")
    return Finding(
        "CPU",
        "ok",
        f"{cores} of {os.cpu_count()} cores, {platform.machine()}, {capability}, {size_text(memory)} memory",
        values={
            "cores": cores,
            "capability": capability,
            "memory_bytes": memory,
            "threads": answer.values.get("threads"),
        },
    )


def has_nvidia() -> bool:
    """Return whether the system has an NVIDIA device, even if torch cannot use it."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def gpu_finding(answer: Answer, nvidia: bool) -> Finding:
    """Report CUDA devices with their memory, and whether they compute correctly."""
    devices = answer.values.get("cuda", [])
    broken = [device for device in devices if not device["works"]]
    if broken:
        detail = f"{broken[0]['name']} (compute capability {broken[0]['capability']}) does not compute"
        why = broken[0].get("why", "a sum came out wrong")
        fix = "install a torch that is built for it and its driver, or run with trainer=cpu"
        return Finding("GPU", "fault", f"{detail}: {why}", fix, values={"devices": devices})
    if devices:
        parts = [
            f"{d['name']} (compute capability {d['capability']}, {size_text(d['free_bytes'])} of"
            f" {size_text(d['total_bytes'])} free)"
            for d in devices
        ]
        return Finding("GPU", "ok", "; ".join(parts), values={"devices": devices})
    if nvidia and answer.fault is None:
        built = answer.values.get("cuda_built_for")
        fix = "update the NVIDIA driver" if built else "install a torch that is built for CUDA"
        return Finding(
            "GPU", "fault", "an NVIDIA device is there, but torch cannot use it", fix, values={"devices": []}
        )
    return Finding("GPU", "absent", "none that torch can use: everything runs on the CPU", values={"devices": []})


def bf16_finding(answer: Answer) -> Finding:
    """Report whether the hardware multiplies in bfloat16."""
    cpu, gpu = bool(answer.values.get("bf16_cpu")), bool(answer.values.get("bf16_cuda"))
    has_gpu = bool(answer.values.get("cuda"))
    found = f"CPU {'yes' if cpu else 'no'}" + (f", GPU {'yes' if gpu else 'no'}" if has_gpu else "")
    used = gpu if has_gpu else cpu
    fix = "training.precision=auto uses it" if used else "training.precision=auto takes fp32 here"
    return Finding("bfloat16", "ok" if used else "absent", found, fix, values={"cpu": cpu, "cuda": gpu})


def faiss_distributions() -> list[str]:
    """Return the installed builds of FAISS; they all install the same folder ``faiss``."""
    names = {(distribution.metadata["Name"] or "").lower() for distribution in metadata.distributions()}
    return sorted(name for name in names if name == "faiss" or name.startswith(("faiss-cpu", "faiss-gpu")))


def faiss_finding(answer: Answer, distributions: Sequence[str], has_gpu: bool) -> Finding:
    """Report the FAISS build, and whether it searches correctly."""
    values = {**answer.values, "distributions": list(distributions), "fault": answer.fault}
    everything = " ".join(distributions) or "faiss-cpu"
    cure = f"run pip uninstall -y {everything}; pip install faiss-cpu"

    def finding(state: str, detail: str, fix: str = "") -> Finding:
        return Finding("FAISS", state, detail, fix, required=True, values=values)  # type: ignore[arg-type]

    if len(distributions) > 1:
        return finding("fault", f"{' and '.join(distributions)} overwrite each other's files", cure)
    if answer.fault is not None and not distributions:
        return finding("absent", "not installed", "run pip install faiss-cpu")
    if answer.fault is not None:
        return finding("fault", f"{everything} does not work here: {answer.fault}", cure)
    text = f"{answer.values['version']} ({', '.join(distributions) or 'not from a package'})"
    if answer.values["gpus"]:
        return finding("ok", f"{text}, searches on {answer.values['gpus']} GPU(s)")
    if answer.values["gpu_build"]:
        return finding("ok", f"{text}, built for GPUs, searches on the CPU: it sees none")
    if has_gpu:
        fix = f"to search on the GPU by FAISS too: pip uninstall -y {everything}; pip install faiss-gpu"
        return finding("ok", f"{text}, searches on the CPU", fix)
    return finding("ok", f"{text}, searches on the CPU")


def search_finding(torch_answer: Answer, faiss_answer: Answer) -> Finding:
    """Report where exact search runs, and why."""
    working = any(device["works"] for device in torch_answer.values.get("cuda", []))
    if faiss_answer.fault is not None:
        return Finding("exact search", "fault", "none: FAISS does not work")
    if faiss_answer.values["gpus"]:
        where, why = "faiss on the GPU", f"this FAISS uses {faiss_answer.values['gpus']} GPU(s)"
    elif working:
        build = "is built for GPUs but sees none" if faiss_answer.values["gpu_build"] else "is built for the CPU alone"
        where, why = (
            "torch on the GPU",
            f"torch uses one, while this FAISS {build}; FAISS on the CPU for small searches",
        )
    else:
        where, why = "faiss on the CPU", "neither FAISS nor torch can use a GPU"
    return Finding("exact search", "ok", f"{where}: {why}", values={"where": where})
