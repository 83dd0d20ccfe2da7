"""Submission to SLURM, and a test of whether SLURM would accept a job."""

import logging
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)
_SECONDS = 60


def make_executor(parameters: Mapping[str, Any]) -> Any:
    """Return a `submitit.AutoExecutor` with these parameters."""
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
    from omegaconf import OmegaConf

    general = set(OmegaConf.structured(BaseQueueConf).keys())
    given = {n if n in general else f"slurm_{n}": v for n, v in parameters.items() if not n.startswith("_")}
    half = given["timeout_min"] * 30
    if given["slurm_signal_delay_s"] > half:
        log.warning("hydra.launcher.signal_delay_s is reduced to %d s, half of the time limit", half)
        given["slurm_signal_delay_s"] = half
    executor = submitit.AutoExecutor(
        folder=given.pop("submitit_folder"), cluster="slurm", slurm_max_num_timeout=given.pop("slurm_max_num_timeout")
    )
    # If one process dies, the others must not wait for it.
    executor.update_parameters(**given, slurm_srun_args=["--kill-on-bad-exit=1"])
    return executor


def refusal(parameters: Mapping[str, Any]) -> str | None:
    """Return SLURM's own reason for rejecting a job; None if it would accept it."""
    with tempfile.TemporaryDirectory() as folder:
        executor = make_executor({**parameters, "submitit_folder": folder})
        script = executor._executor._make_submission_file_text("true", "0")
    try:
        done = subprocess.run(
            ["sbatch", "--test-only"], input=script, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    words = " ".join(done.stderr.split())
    return (words or f"sbatch ended with exit code {done.returncode}") if done.returncode else None
