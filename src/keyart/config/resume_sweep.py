"""``resume_sweep=<folder>``: the command line that resumes a sweep in its folder."""

from collections.abc import Sequence
from pathlib import Path

from keyart.config.compose import CONFIG_FOLDER
from keyart.config.quoting import key_of, quote, value_of
from keyart.config.recorded import check_recorded, read_overrides
from keyart.config.sweep_grid import parse
from keyart.errors import InputError
from keyart.runs.sweep.state import Plan, is_sweep, plan_file
from keyart.training.resume import FIXED_KEYS

#: Keys that may change on resume: where and how the jobs run, but not what they learn.
MUTABLE_KEYS = (
    "callbacks",
    "data.catalogue",
    "data.images",
    "evaluation.batch_size",
    "hydra.launcher",
    "hydra.sweeper.n_jobs",
    "hydra.sweeper.n_trials",
    "hydra.sweeper.pruner",
    "hydra/launcher",
    "hydra/sweeper/pruner",
    "logger",
    "trainer",
)
#: Groups whose keys depend on the choice: another launcher or logger does not have them.
_WITH_CHOICE = ("hydra/launcher", "hydra/sweeper/pruner", "logger")
_OWN = ("resume_sweep", "hydra.sweep.dir")


def _sweeps(override: str) -> bool:
    return any(one.is_sweep_override() for one in parse([override]))


def given_folder(overrides: Sequence[str], key: str) -> str | None:
    """Return the folder that a key names in its last override; None if it is not set."""
    given = next((value_of(o) for o in reversed(overrides) if key_of(o) == key), "null")
    return None if given in ("", "null") else given


def sweep_to_resume(overrides: Sequence[str]) -> Path | None:
    """Return the folder that ``resume_sweep`` names; None if it is not set."""
    given = given_folder(overrides, "resume_sweep")
    if given is None:
        return None
    folder = Path(given).resolve()
    if not is_sweep(folder):
        raise InputError(
            f"resume_sweep={given}: is not a sweep's folder (it has no sweep.yaml); name the one that"
            f" train.py -m printed"
        )
    return folder


def resumed_sweep(folder: Path, overrides: Sequence[str], config_folder: Path = CONFIG_FOLDER) -> list[str]:
    """Return the overrides that resume a sweep: its original ones, except for where and how its jobs run.

    Args:
        folder: Folder of the sweep.
        overrides: Overrides of the new command line: none, or the sweep's original ones again.
        config_folder: The folder of the configuration.
    """
    plan = Plan.read(folder)
    own = {key_of(override): override for override in (*plan.overrides, *plan.hydra) if key_of(override) not in _OWN}
    chosen = [key_of(o).replace("/", ".") for o in overrides if key_of(o) in _WITH_CHOICE and own.get(key_of(o)) != o]
    own = {key: override for key, override in own.items() if not key.startswith(tuple(f"{c}." for c in chosen))}
    for override in overrides:
        key = key_of(override)
        if key in _OWN or own.get(key) == override:
            continue
        # Swept keys determine the numbers of the jobs, so none of them may change.
        if key in plan.keys or not key.startswith(MUTABLE_KEYS) or key in FIXED_KEYS or _sweeps(override):
            before = own[key].partition("=")[2] if key in own else "not given"
            raise InputError(
                f"resume_sweep={folder}: {key} was {before} and is {override.partition('=')[2]} now; a sweep is"
                " continued as it began: leave the override out, or start a new sweep"
            )
        own[key] = override
    named_by = f"resume_sweep={folder}"
    check_recorded(
        (o for o in own.values() if o not in overrides), plan_file(folder), named_by, config_folder=config_folder
    )
    for job in sorted(folder.glob("[0-9]*/.hydra/overrides.yaml")):
        # A search resumes interrupted jobs from their own records.
        check_recorded(
            (o for o in read_overrides(job) if o not in overrides), job, named_by, config_folder=config_folder
        )
    return [*own.values(), f"hydra.sweep.dir={quote(str(folder), literal=True)}"]
