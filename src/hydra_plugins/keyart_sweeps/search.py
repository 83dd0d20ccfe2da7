"""A search by Optuna that can be resumed."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class OptunaSearch(Sweeper):
    """Hydra's Optuna sweeper, whose study is kept in the sweep's folder and goes on from there.

    Trial n of the study is job n of the sweep. A search that goes on first takes up trials that were cut short: those
    that finished all the same report what they reached, the others are resumed. Then it draws new trials until
    ``n_trials`` have run in all. A failed trial counts; a larger ``n_trials`` draws another in its place.

    Args:
        sampler: Optuna's, with ``seed``.
        n_trials: How many runs in all, over every resume.
        n_jobs: How many are drawn, and launched, at a time.
        direction: ``maximize``.
        storage: Optuna's URL of the study.
        study_name: Its name there.
        params: The search space by key.
        patience: After so many failures in a row the search is given up.
    """

    def __init__(
        self,
        sampler: Any,
        n_trials: int,
        n_jobs: int,
        direction: str,
        storage: str,
        study_name: str,
        params: DictConfig | None,
        patience: int = 5,
    ) -> None:
        from hydra_plugins.hydra_optuna_sweeper._impl import OptunaSweeperImpl

        self.n_trials, self.n_jobs, self.patience = n_trials, n_jobs, patience
        self.search = OptunaSweeperImpl(
            sampler, direction, storage, study_name, n_trials, max(1, n_jobs), 1.0, None, None, params
        )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the sweep."""
        self.search.setup(hydra_context=hydra_context, task_function=task_function, config=config)
        assert self.search.launcher is not None
        self.composed = config
        self.told = self.search.launcher = FailuresTold(self.search.launcher)

    def sweep(self, arguments: list[str]) -> None:
        """Search, or go on with a search."""
        import optuna

        folder = Path(str(self.composed.hydra.sweep.dir))
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("optuna", "hydra_plugins.hydra_optuna_sweeper._impl"):
            logging.getLogger(name).setLevel(logging.WARNING)
        study = optuna.create_study(
            study_name=self.search.study_name,
            storage=self.search.storage,
            direction=self.search.direction,
            load_if_exists=True,
        )
        monitor = str(self.composed.monitor)
        self._take_up(study, folder, monitor)
        self._go_on_drawing(len(study.trials))
        fruitless = 0
        while (left := self.n_trials - _run(study, folder)) > 0 and fruitless < self.patience:
            before = _ended(study)
            self.search.job_idx = len(study.trials)
            self.search.n_trials = min(left, self.search.n_jobs)
            try:
                self.search.sweep(list(arguments))
            except ValueError:  # it has no best trial to tell of yet
                if _ended(study):
                    raise
            fruitless = 0 if _ended(study) > before else fruitless + self.search.n_trials
        if fruitless >= self.patience:
            log.error("the search is given up: %d trials in a row have failed", fruitless)

    def _take_up(self, study: Any, folder: Path, monitor: str) -> None:
        """End the trials that were cut short."""
        import optuna

        from keyart.launch.sweep.job import finished_monitor
        from keyart.runs.sweep.state import is_finished, recorded_overrides

        for trial in study.trials:
            if trial.state.is_finished():
                continue
            job = folder / str(trial.number)
            overrides = recorded_overrides(job) or _drawn(trial)
            if is_finished(job):
                value = finished_monitor(job, monitor)
            elif overrides:
                log.info("job %d was cut short: it is resumed", trial.number)
                (returned,) = self.told.launch([overrides], initial_job_idx=trial.number)
                value = math.nan if returned.status != JobStatus.COMPLETED else float(returned._return_value)
            else:
                value = math.nan
            if math.isfinite(value):
                study.tell(trial.number, value)
            else:
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def _go_on_drawing(self, drawn: int) -> None:
        """A sampler that starts again with its seed would draw again what it has drawn before."""
        seed = getattr(self.composed.hydra.sweeper.sampler, "seed", None)
        if drawn and seed is not None:
            from hydra.utils import instantiate

            sampler = self.composed.hydra.sweeper.sampler
            self.search.sampler = instantiate(sampler, seed=int(seed) + drawn)


class FailuresTold(Launcher):
    """A launcher whose failed jobs (NaN) are failures to Optuna too, which takes no NaN."""

    def __init__(self, launcher: Launcher) -> None:
        self.launcher = launcher

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by nobody: the launcher within is set up already."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Launch, and mark what has failed."""
        returns = self.launcher.launch(job_overrides, initial_job_idx)
        for at, returned in enumerate(returns):
            value = returned._return_value
            if returned.status == JobStatus.COMPLETED and isinstance(value, float) and math.isnan(value):
                returned.status = JobStatus.FAILED
                returned.return_value = RuntimeError(f"job {initial_job_idx + at} failed")
        return returns


def _ended(study: Any) -> int:
    """How many trials have come to an end with a value."""
    return sum(trial.state.name == "COMPLETE" for trial in study.trials)


def _run(study: Any, folder: Path) -> int:
    """How many trials have run; one that was drawn and never begun has left no folder."""
    return sum(trial.state.name == "COMPLETE" or (folder / str(trial.number)).is_dir() for trial in study.trials)


def _drawn(trial: Any) -> list[str]:
    """The overrides of a trial that was drawn and never begun, as the sweeper writes them."""
    return [f"{name}={value}" for name, value in {**trial.params, **trial.user_attrs}.items()]
