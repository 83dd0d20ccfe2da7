"""Checks of external services: the model hub, W&B and SLURM."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from keyart.cli.doctor.caches import folder_size
from keyart.cli.doctor.finding import Finding, size_text
from keyart.cli.doctor.packages import VersionOf, installed_version
from keyart.utils.network import unreachable_reason, wandb_account

HUB = "https://huggingface.co"
PROBE_SECONDS = 3.0
Reach = Callable[[str, float], str | None]


def hub_cache(environ: Mapping[str, str]) -> Path:
    """Return the cache folder of the hub's client."""
    named = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    cache = Path(environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(environ.get("HF_HOME", cache / "huggingface")).expanduser() / "hub"


def hub_finding(environ: Mapping[str, str] | None = None, reach: Reach = unreachable_reason) -> Finding:
    """Report whether weights can be downloaded, and which models are in the hub's cache."""
    environ = os.environ if environ is None else environ
    endpoint = environ.get("HF_ENDPOINT", HUB).rstrip("/")
    cache = hub_cache(environ)
    models = sorted(path.name.removeprefix("models--").replace("--", "/") for path in cache.glob("models--*"))
    held = f"{len(models)} model(s) in {cache}" if models else "no model downloaded yet"
    if models:
        held += f" ({size_text(folder_size(cache)[1])})"
    offline = environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    why = "HF_HUB_OFFLINE is set" if offline else reach(endpoint, PROBE_SECONDS)
    values = {"endpoint": endpoint, "reachable": why is None, "why_not": why, "cache": str(cache), "models": models}
    if why is None:
        return Finding("model hub", "ok", f"{endpoint} answers; {held}", values=values)
    fix = (
        "model=efficientnet_lite0, 1 and 2 need no hub; for others set model.weights=<file>,"
        f" {'unset HF_HUB_OFFLINE' if offline else 'or HF_ENDPOINT to a mirror'}"
    )
    return Finding("model hub", "absent", f"{endpoint} cannot be reached ({why}); {held}", fix, values=values)


def wandb_finding(
    environ: Mapping[str, str] | None = None,
    version_of: VersionOf = installed_version,
    reach: Reach = unreachable_reason,
    workspace: Path | None = None,
) -> Finding:
    """Report whether ``logger=wandb`` will work, and where its runs will be logged."""
    version = version_of("wandb")
    if version is None:
        return Finding("W&B", "absent", "wandb is not installed", "run pip install -e '.[wandb]'")
    account = wandb_account(environ, workspace)
    values = {"version": version, "host": account.host, "login": account.source, "mode": account.mode}
    if account.mode not in (None, "online", "run", "shared"):
        fix = "unset WANDB_MODE or run wandb online"
        return Finding("W&B", "ok", f"wandb {version}, set to {account.mode}", fix, values=values)
    if account.source is None:
        detail = f"wandb {version}, not logged in to {account.host}: runs are logged offline"
        return Finding("W&B", "ok", detail, "run wandb login", values=values)
    why = reach(account.host, PROBE_SECONDS)
    if why is not None:
        detail = f"wandb {version}, {account.host} cannot be reached ({why}): runs are logged offline"
        return Finding(
            "W&B", "ok", detail, "upload them later with the wandb sync line that a run prints", values=values
        )
    return Finding("W&B", "ok", f"wandb {version}, logged in to {account.host} by {account.source}", values=values)


def slurm_finding(version_of: VersionOf = installed_version, path: str | None = None) -> Finding:
    """Report whether jobs can be submitted to SLURM."""
    sbatch = shutil.which("sbatch", path=path)
    launcher = version_of("hydra-submitit-launcher")
    values = {"sbatch": sbatch, "launcher": launcher, "job": os.environ.get("SLURM_JOB_ID")}
    if sbatch is None:
        fix = "only sweeps on a cluster need it: run them on a login node"
        return Finding("SLURM", "absent", "there is no sbatch here", fix, values=values)
    try:
        done = subprocess.run([sbatch, "--version"], capture_output=True, text=True, timeout=3, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "stderr", None) or str(error)
        detail = f"{sbatch} does not run: {' '.join(str(why).split())}"
        return Finding("SLURM", "fault", detail, "ask the cluster's administrators", values=values)
    text = f"{done.stdout.strip()} ({sbatch})"
    values["version"] = done.stdout.strip()
    if launcher is None:
        fix = "for hydra/launcher=slurm: run pip install -e '.[slurm]'"
        return Finding("SLURM", "ok", f"{text}, without hydra-submitit-launcher", fix, values=values)
    return Finding("SLURM", "ok", f"{text}, hydra-submitit-launcher {launcher}", values=values)
