"""Hydra callback around a sweep: it records the plan at the start, and the report is written at every kind of end."""

from pathlib import Path
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from keyart.config.resume_sweep import resumed_sweep
from keyart.config.sweep_grid import expand, swept_keys, with_params
from keyart.errors import InputError
from keyart.launch.sweep.running import TASK
from keyart.runs.sweep.state import Plan, is_sweep
from keyart.training.world_size import is_rank_zero
from keyart.utils.files import describe_fault
from keyart.utils.folder_lock import acquire, release
from keyart.utils.program import train_prefix
from keyart.utils.text import echo


class SweepReport(Callback):
    """Callback that records what a sweep will do, and reports on it at the end.

    Hydra calls ``on_multirun_end`` only if launcher and sweeper succeed. Therefore ``train.py`` calls `end` itself,
    which also prints the sweep's folder as the last line.

    Attributes:
        begun: Folder of the sweep that has started and is not reported yet.
    """

    begun: ClassVar[Path | None] = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Claim a run's folder before Hydra writes into it.

        Raises:
            SystemExit: Another process writes the folder, or it cannot be created; the cause is an `InputError`. Hydra
                turns any other exception of a callback into a warning.
        """
        from keyart.launch.run_job import TASK

        folder = Path(config.hydra.run.dir).resolve()
        try:
            if is_rank_zero():
                folder.parent.mkdir(parents=True, exist_ok=True)
                acquire(folder, TASK)
        except OSError as error:
            raise SystemExit(2) from InputError(f"{folder.parent}: {error.strerror}; name another folder")
        except InputError as error:
            raise SystemExit(2) from error

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Claim the sweep's folder and write the plan into it.

        Raises:
            SystemExit: Another process holds the folder, or has started another sweep in it after the check of the
                command line. Any other exception would not stop the sweep: Hydra turns errors of callbacks into
                warnings and runs the jobs.
        """
        folder = Path(config.hydra.sweep.dir).resolve()
        plan = plan_of(config)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            acquire(folder, TASK)
            if is_sweep(folder):
                resumed_sweep(folder, [*plan.overrides, *(o for o in plan.hydra if not o.startswith("hydra.mode="))])
            plan.write(folder)
        except (InputError, OSError) as error:
            release(folder)
            echo(f"{train_prefix()}: {describe_fault(error) if isinstance(error, OSError) else error}", err=True)
            raise SystemExit(2) from None
        SweepReport.begun = folder

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Do nothing: all sweeps end in `end`."""

    @classmethod
    def end(cls) -> bool:
        """Report on the sweep that has started, if any, and print its folder.

        Returns:
            Whether every job has finished; True without a sweep.
        """
        folder, cls.begun = cls.begun, None
        if folder is None:
            return True
        from keyart.launch.sweep.finish import finish_sweep

        try:
            finished = finish_sweep(folder)
        finally:
            release(folder)
        print(folder, flush=True)  # noqa: T201
        return finished


def plan_of(config: DictConfig) -> Plan:
    """Return the plan of a sweep from its composed configuration."""
    hydra = config.hydra
    overrides = [str(o) for o in OmegaConf.to_container(hydra.overrides.task)]  # type: ignore[union-attr]
    params = OmegaConf.to_container(hydra.sweeper.params) if hydra.sweeper.get("params") else None
    asked = with_params(overrides, params)  # type: ignore[arg-type]
    grid = "BasicSweeper" in str(hydra.sweeper._target_)
    from hydra.core.global_hydra import GlobalHydra

    loader = GlobalHydra.instance().config_loader() if any("glob(" in o for o in asked) else None
    return Plan(
        overrides=tuple(overrides),
        hydra=tuple(str(o) for o in OmegaConf.to_container(hydra.overrides.hydra)),  # type: ignore[union-attr]
        keys=tuple(swept_keys(asked, loader)),
        jobs=tuple(tuple(job) for job in expand(asked, loader)) if grid else None,
    )
