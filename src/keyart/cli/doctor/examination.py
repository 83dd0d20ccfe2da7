"""All checks of ``keyart doctor``; the slow ones run in parallel."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from keyart.cli.doctor import subprocess_probe as probe
from keyart.cli.doctor.caches import cache_findings
from keyart.cli.doctor.devices import (
    bf16_finding,
    cpu_finding,
    faiss_distributions,
    faiss_finding,
    gpu_finding,
    has_nvidia,
    search_finding,
    torch_finding,
)
from keyart.cli.doctor.finding import Finding
from keyart.cli.doctor.packages import own_extras, own_requirements, package_findings, python_finding
from keyart.cli.doctor.services import hub_finding, slurm_finding, wandb_finding

_T = TypeVar("_T")


def diagnose() -> list[Finding]:
    """Check this machine and this installation, without changing anything.

    Torch and FAISS are imported in subprocesses, so that a crash is a finding and does not end this process. Servers
    have three seconds to answer.

    Returns:
        Findings in reading order; `healthy` tests whether a required component is broken.
    """
    with ThreadPoolExecutor(8) as pool:

        def start(ask: Callable[[], _T]) -> Future[_T]:
            return pool.submit(ask)

        torch, faiss = start(lambda: probe.ask(probe.TORCH)), start(lambda: probe.ask(probe.FAISS))
        hub, wandb, slurm = start(hub_finding), start(wandb_finding), start(slurm_finding)
        caches, builds = start(cache_findings), start(faiss_distributions)
        findings = [python_finding(), *package_findings(own_requirements(), own_extras())]
        told = torch.result()
        return [
            *findings,
            torch_finding(told),
            cpu_finding(told),
            gpu_finding(told, has_nvidia()),
            bf16_finding(told),
            faiss_finding(faiss.result(), builds.result(), has_gpu=bool(told.values.get("cuda"))),
            search_finding(told, faiss.result()),
            *caches.result(),
            hub.result(),
            wandb.result(),
            slurm.result(),
        ]
