"""Launcher of a sweep's jobs on SLURM: hydra-submitit-launcher, but with keyart's own waiting for results.

The original launcher stops at the first job that died, without the results of the others, and detects a death only by
SLURM's accounting. This one waits for every job, queries the queue itself, and records in a job's folder why it failed
or died; the sweep's report reads that record.

Hydra imports this module at every start, so it must be fast, and importable without the launcher that it extends.
"""

import logging
from collections.abc import Mapping, Sequence
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
            """Submit the jobs that have not ended yet, wait for them, and return all results in order."""
            from keyart.launch.slurm.watch import SlurmJobFailed, wait_for_jobs

            numbered = dict(enumerate(job_overrides, initial_job_idx))
            returns = {number: done for number in numbered if (done := self._ended(numbered[number], number))}
            waiting = {number: overrides for number, overrides in numbered.items() if number not in returns}
            jobs = self._submit(waiting) if waiting else []
            for number, ended in zip(waiting, wait_for_jobs(jobs) if jobs else (), strict=True):
                if isinstance(ended, SlurmJobFailed):
                    log.error("#%d %s", number, ended)
                    ended = self._failed(waiting[number], number, str(ended))
                returns[number] = ended
            return [returns[number] for number in numbered]

        def _submit(self, waiting: Mapping[int, Sequence[str]]) -> list[Any]:
            from keyart.launch.slurm.submit import make_executor

            sweep = Path(str(self.config.hydra.sweep.dir)).resolve()
            sweep.mkdir(parents=True, exist_ok=True)
            state = Singleton.get_state()
            calls = [
                (list(overrides), "hydra.sweep.dir", number, f"job_id_for_{number}", state)
                for number, overrides in waiting.items()
            ]
            jobs = list(make_executor(self.params).map_array(self, *zip(*calls, strict=True)))
            for (number, overrides), job in zip(waiting.items(), jobs, strict=True):
                text = " ".join(filter_overrides(overrides)) or "(no overrides)"
                log.info("#%d, `scancel %s` ends it alone: %s", number, job.job_id, text)
            name = jobs[0].job_id.partition("_")[0]
            log.info("%s: submitted as job %s; squeue shows it, `scancel %s` ends all of it", sweep, name, name)
            return jobs

        def _ended(self, overrides: Sequence[str], number: int) -> JobReturn | None:
            """What Hydra gets of a job that has finished or was pruned in an earlier launch; None for any other."""
            from keyart.launch.sweep.job import finished_monitor
            from keyart.runs.sweep.state import status_of

            if not (Path(str(self.config.hydra.sweep.dir)) / str(number)).is_dir():
                return None
            config, folder = self._job(overrides, number)
            status = status_of(folder)
            if status not in ("finished", "pruned"):
                return None
            log.info("#%d has %s already", number, "finished" if status == "finished" else "been pruned")
            value = finished_monitor(folder, str(config.monitor)) if status == "finished" else float("nan")
            return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=value)

        def _job(self, overrides: Sequence[str], number: int) -> tuple[Any, Path]:
            """The configuration of a job, and its folder."""
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = number
            return config, Path(str(config.hydra.sweep.dir)) / str(config.hydra.sweep.subdir)

        def _failed(self, overrides: Sequence[str], number: int, reason: str) -> JobReturn:
            """Record the failure in the job's folder, and return NaN to Hydra, as every failed job does."""
            from keyart.runs.sweep.state import failure_of, record_failure

            _, folder = self._job(overrides, number)
            if not failure_of(folder):
                record_failure(folder, reason)
            return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=float("nan"))
