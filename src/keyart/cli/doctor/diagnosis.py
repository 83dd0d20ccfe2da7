"""All checks of ``keyart doctor``; the slow ones run in parallel."""

from concurrent.futures import ThreadPoolExecutor

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


def diagnose() -> list[Finding]:
    """Check this machine and this installation, without changing anything.

    Torch and FAISS are imported in subprocesses, so that a crash is a finding and does not end this process. Servers
    have three seconds to answer.

    Returns:
        Findings in reading order; `healthy` tests whether a required component is broken.
    """
    with ThreadPoolExecutor(8) as pool:
        torch, faiss = pool.submit(probe.ask, probe.TORCH), pool.submit(probe.ask, probe.FAISS)
        hub, wandb, slurm = pool.submit(hub_finding), pool.submit(wandb_finding), pool.submit(slurm_finding)
        caches, builds = pool.submit(cache_findings), pool.submit(faiss_distributions)
        findings = [python_finding(), *package_findings(own_requirements(), own_extras())]
        found = torch.result()
        return [
            *findings,
            torch_finding(found),
            cpu_finding(found),
            gpu_finding(found, has_nvidia()),
            bf16_finding(found),
            faiss_finding(faiss.result(), builds.result(), has_gpu=bool(found.values.get("cuda"))),
            search_finding(found, faiss.result()),
            *caches.result(),
            hub.result(),
            wandb.result(),
            slurm.result(),
        ]
