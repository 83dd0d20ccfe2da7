"""Submitting to SLURM, and asking it beforehand whether it would take a job."""

import logging
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)
_SECONDS = 60


def make_executor(parameters: Mapping[str, Any]) -> Any:
    """What submits jobs with these parameters (`submitit.AutoExecutor`).

    Args:
        parameters: Those of ``submitit_slurm``, as ``hydra.launcher`` holds them.
    """
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
    from omegaconf import OmegaConf

    general = set(OmegaConf.structured(BaseQueueConf).keys())
    given = {n if n in general else f"slurm_{n}": v for n, v in parameters.items() if not n.startswith("_")}
    half = given["timeout_min"] * 30
    if given["slurm_signal_delay_s"] > half:
        log.warning("hydra.launcher.signal_delay_s is cut to %d s, half of what a job may take", half)
        given["slurm_signal_delay_s"] = half
    executor = submitit.AutoExecutor(
        folder=given.pop("submitit_folder"), cluster="slurm", slurm_max_num_timeout=given.pop("slurm_max_num_timeout")
    )
    # One process that dies must not leave the others waiting for it.
    executor.update_parameters(**given, slurm_srun_args=["--kill-on-bad-exit=1"])
    return executor


def refusal(parameters: Mapping[str, Any]) -> str | None:
    """Why SLURM would not take a job, in its own words; None where it would.

    Args:
        parameters: See `make_executor`.
    """
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
