"""Launcher that runs several jobs in parallel on this machine."""

import logging
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from keyart.launch.sweep.worker_pool import JobContext, WorkerPool

log = logging.getLogger(__name__)


class LocalLauncher(Launcher):
    """Launcher that runs jobs in parallel processes, each with its share of the threads and one GPU.

    The processes train as ``train.py`` does; they cannot call its task function, which is in another ``__main__``. A
    process runs one job after another, so that libraries are loaded once. If a process dies, only its job is lost. No
    process outlives the sweep.

    Args:
        jobs: Number of parallel jobs.
        threads: Threads per job; None: the number of cores divided by ``jobs``.
    """

    def __init__(self, jobs: int, threads: int | None = None) -> None:
        self.jobs, self.threads = jobs, threads
        self.config: DictConfig | None = None
        self._pool: WorkerPool | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store the configuration; Hydra calls this before the first launch."""
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs and wait for all of them."""
        from keyart.launch.sweep.worker_pool import WorkerPool

        assert self.config is not None
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        sweep = Path(str(self.config.hydra.sweep.dir)).resolve()
        sweep.mkdir(parents=True, exist_ok=True)
        if self._pool is None:
            self._pool = WorkerPool(context_of(self.config, sweep), sweep / "workers", self.jobs, self.threads)
            weakref.finalize(self, self._pool.close)
        log.info("Running %d jobs, %d at a time, %d threads each", len(job_overrides), self.jobs, self._pool.threads)
        tasks = {initial_job_idx + at: list(overrides) for at, overrides in enumerate(job_overrides)}
        for number, overrides in tasks.items():
            log.info("\t#%d : %s", number, " ".join(filter_overrides(overrides)))
        found = self._pool.run(tasks, sweep)
        return [found[number] if number in found else _nothing(tasks[number]) for number in tasks]


def context_of(config: DictConfig, sweep: Path) -> "JobContext":
    """Return what a process needs to compose a sweep's jobs."""
    from keyart.launch.sweep.worker_pool import JobContext

    sources = OmegaConf.to_container(config.hydra.runtime.config_sources)
    (main,) = [Path(source["path"]) for source in sources if source["provider"] == "main"]  # type: ignore[index, call-overload, union-attr]
    given = [str(override) for override in config.hydra.overrides.hydra]
    own = [override for override in given if not override.startswith(("hydra.sweep.dir=", "hydra.mode="))]
    return JobContext(
        main, str(config.hydra.job.config_name), (*own, f"hydra.sweep.dir='{sweep}'", "hydra.mode=MULTIRUN")
    )


def _nothing(overrides: list[str]) -> JobReturn:
    """Return NaN for a job whose process died; the failure is recorded in its folder."""
    return JobReturn(overrides=overrides, status=JobStatus.COMPLETED, _return_value=float("nan"))
