"""Hyperparameter search by Optuna that can be resumed."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial, TrialState

log = logging.getLogger(__name__)


class OptunaSearch(Sweeper):
    """Sweeper that draws jobs by Optuna's ask-and-tell interface and stores the study in the sweep's folder.

    Trial n of the study is job n of the sweep. A resumed search first completes interrupted trials: it records the
    value of those that have finished, and resumes the others. Then it draws new trials until ``n_trials`` have run
    in total. Failed and pruned trials count; a larger ``n_trials`` draws more in their place.

    Args:
        sampler: Draws the values (`optuna.samplers`).
        n_trials: Total number of trials, including those before a resume.
        n_jobs: Number of trials that are drawn and launched at a time.
        direction: ``maximize`` or ``minimize``.
        storage: Journal file or database URL of the study.
        study_name: Name of the study there.
        params: Search space by key: ``choice(…)``, ``range(…)``, ``interval(…)``, ``glob(…)``, or a fixed value.
        pruner: Decides at each validation whether a trial continues (`optuna.pruners`); None: all trials continue.
        patience: Number of consecutive failed trials after which the search stops.
    """

    def __init__(
        self,
        sampler: Any,
        n_trials: int,
        n_jobs: int,
        direction: Literal["maximize", "minimize"],
        storage: str,
        study_name: str,
        params: DictConfig | None,
        pruner: Any = None,
        patience: int = 5,
    ) -> None:
        self.sampler, self.pruner, self.params = sampler, pruner, params
        self.n_trials, self.n_jobs, self.patience = n_trials, max(1, n_jobs), patience
        self.direction, self.storage, self.study_name = direction, storage, study_name

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Create the launcher."""
        self.composed, self.loader = config, hydra_context.config_loader
        self.folder = Path(str(config.hydra.sweep.dir))
        self.jobs_launcher: Launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Start or resume the search.

        Args:
            arguments: The overrides of the command line, which take precedence over ``params``.
        """
        from keyart.config.sweep_grid import with_params

        self.folder.mkdir(parents=True, exist_ok=True)
        study = self._open_study()
        self.space, self.fixed = split_space(with_params(arguments, self.params), self.loader)
        for trial in study.trials:
            if not trial.state.is_finished():
                self._end_trial(study, trial)
        failures = 0
        while (left := self.n_trials - self._count_run(study)) > 0 and failures < self.patience:
            try:
                states = self._run_batch(study, min(left, self.n_jobs))
            except SpaceExhausted:
                log.info("the search has tried every value of its space")
                return
            failures = failures + len(states) if all(state.name == "FAIL" for state in states) else 0
        if failures >= self.patience:
            log.error("the search stops: %d trials in a row have failed", failures)

    def _open_study(self) -> "Study":
        import optuna

        from keyart.runs.sweep.study import open_storage

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            study_name=self.study_name,
            storage=open_storage(self.storage),
            direction=self.direction,
            pruner=self.pruner or optuna.pruners.NopPruner(),
            load_if_exists=True,
        )
        node = self.composed.hydra.sweeper.sampler
        if (drawn := len(study.trials)) and node.get("seed") is not None:
            from hydra.utils import instantiate

            # With the original seed, the sampler would repeat its earlier draws.
            self.sampler = instantiate(node, seed=int(node.seed) + drawn)
        study.sampler = self.sampler
        return study

    def _end_trial(self, study: "Study", trial: "FrozenTrial") -> None:
        """Complete an interrupted trial."""
        from keyart.launch.sweep.job import finished_monitor
        from keyart.runs.sweep.state import is_finished, recorded_overrides

        job, value = self.folder / str(trial.number), math.nan
        if is_finished(job):
            value = finished_monitor(job, str(self.composed.monitor))
        elif overrides := recorded_overrides(job) or self._overrides_of(trial):
            log.info("job %d was interrupted: it is resumed", trial.number)
            (returned,) = self.jobs_launcher.launch([overrides], initial_job_idx=trial.number)
            value = value_of(returned)
        self._record(study, trial.number, value)

    def _run_batch(self, study: "Study", size: int) -> "list[TrialState]":
        """Draw ``size`` trials, run them in parallel, and return their final states."""
        trials = [study.ask(self.space) for _ in range(size)]
        jobs = [self._overrides_of(trial) for trial in trials]
        returns = self.jobs_launcher.launch(jobs, initial_job_idx=trials[0].number)
        return [self._record(study, t.number, value_of(r)) for t, r in zip(trials, returns, strict=True)]

    def _overrides_of(self, trial: "Trial | FrozenTrial") -> list[str]:
        """Return the overrides of a trial's job; none for a trial from another space, or an incomplete one."""
        if trial.distributions != self.space:
            return []
        return [f"{key}={trial.params[key]}" for key in self.space] + self.fixed

    def _record(self, study: "Study", number: int, value: float) -> "TrialState":
        """Record the state of an ended job in the study, and return it."""
        from optuna.trial import TrialState

        from keyart.runs.sweep.state import status_of

        state = TrialState.COMPLETE if math.isfinite(value) else TrialState.FAIL
        if state == TrialState.FAIL and status_of(self.folder / str(number)) == "pruned":
            state = TrialState.PRUNED
        try:
            study.tell(number, value if state == TrialState.COMPLETE else None, state)
        except RuntimeError as error:
            # Samplers of finite spaces ask Optuna's own loop to stop, after they have recorded the result.
            if "Study.stop" not in str(error):
                raise
            raise SpaceExhausted from None
        return state

    def _count_run(self, study: "Study") -> int:
        """Count the trials that have run; one that was drawn but never launched has no folder."""
        return sum(t.state.name == "COMPLETE" or (self.folder / str(t.number)).is_dir() for t in study.trials)


class SpaceExhausted(Exception):
    """Exception of a sampler that has drawn every value of its space."""


def value_of(returned: JobReturn) -> float:
    """Return a job's value of the monitor; NaN if it failed or was pruned."""
    return float(returned._return_value) if returned.status == JobStatus.COMPLETED else math.nan


def split_space(overrides: Sequence[str], loader: Any = None) -> "tuple[dict[str, BaseDistribution], list[str]]":
    """Split overrides into searched and fixed ones.

    Args:
        overrides: As on the command line.
        loader: Hydra's config loader, which ``glob(…)`` needs.

    Returns:
        Distributions by key, and the other overrides.
    """
    from keyart.config.sweep_grid import parse

    space: dict[str, BaseDistribution] = {}
    fixed = []
    for override in parse(overrides, loader):
        if override.is_sweep_override():
            space[override.get_key_element()] = distribution_of(override)
        else:
            fixed.append(str(override.input_line))
    return space, fixed


def distribution_of(override: Any) -> "BaseDistribution":
    """Return Optuna's distribution of a swept override.

    The values of ``choice(…)`` and ``glob(…)`` are categories, stored as text that Hydra can parse. The end of a
    range is included if a step reaches it. The order of values has no effect, and neither does ``shuffle``.
    """
    from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    written = override.value()
    low: Any
    high: Any
    if isinstance(written, IntervalSweep):
        low, high = written.start, written.end
        logarithmic = "log" in written.tags
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=logarithmic)
        return FloatDistribution(float(low), float(high), log=logarithmic)
    if isinstance(written, RangeSweep):
        step: Any = abs(written.step)
        low, high = sorted((written.start, written.stop))  # type: ignore[type-var]
        if all(isinstance(number, int) for number in (low, high, step)):
            return IntDistribution(low, high - (high - low) % step, step=step)
        return FloatDistribution(low, low + math.floor((high - low) / step + 1e-9) * step, step=step)
    if isinstance(written, ChoiceSweep):
        written.shuffle = False
    return CategoricalDistribution(tuple(dict.fromkeys(override.sweep_string_iterator())))
