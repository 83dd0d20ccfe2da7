"""Launcher of a sweep's jobs on SLURM: hydra-submitit-launcher, but with keyart's own waiting for results.

The original launcher stops at the first job that died, without the results of the others, and detects a death only by
SLURM's accounting. This one waits for every job, queries the queue itself, and records in a job's folder why it failed
or died; the sweep's report reads that record.

Hydra imports this module at every start, so it must be fast, and importable without the launcher that it extends.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from omegaconf import open_dict

log = logging.getLogger(__name__)

try:
    from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher
except ImportError:  # without the extra `slurm`, the check of the configuration reports it
    pass
else:

    class SweepLauncher(SlurmLauncher):
        """Launcher that runs a batch of a sweep's jobs as one SLURM array.

        The parameters are those of ``submitit_slurm``.
        """

        def __call__(self, *args: Any) -> JobReturn:
            """Run one job on its node; if the run fails, its SLURM job fails too."""
            done: JobReturn = super().__call__(*args)
            if done.status == JobStatus.FAILED:
                raise done._return_value
            return done

        def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
            """Submit the jobs, wait for all of them, and return their results in order."""
            from keyart.launch.slurm.watch import SlurmJobFailed, wait_for_jobs

            for number, overrides in enumerate(job_overrides, initial_job_idx):
                log.info("#%d: %s", number, " ".join(filter_overrides(overrides)) or "(no overrides)")
            jobs = self._submit(job_overrides, initial_job_idx)
            returns = []
            for number, (overrides, ended) in enumerate(
                zip(job_overrides, wait_for_jobs(jobs), strict=True), initial_job_idx
            ):
                if isinstance(ended, SlurmJobFailed):
                    log.error("#%d %s", number, ended)
                    ended = self._failed(overrides, number, str(ended))
                returns.append(ended)
            return returns

        def _submit(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[Any]:
            from keyart.launch.slurm.submit import make_executor

            Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
            state = Singleton.get_state()
            calls = [
                (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", state)
                for number, overrides in enumerate(job_overrides, first)
            ]
            jobs = make_executor(self.params).map_array(self, *zip(*calls, strict=True))
            log.info("submitted as job %s; squeue shows it, scancel ends it", jobs[0].job_id.partition("_")[0])
            return list(jobs)

        def _failed(self, overrides: Sequence[str], number: int, reason: str) -> JobReturn:
            """Record the failure in the job's folder, and return NaN to Hydra, as every failed job does."""
            from keyart.runs.sweep.state import failure_of, record_failure

            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            folder = Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir)
            if not failure_of(folder):
                record_failure(folder, reason)
            return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=float("nan"))
