"""Where a sweep's jobs run: what must be there for it, and what must fit together, before any of them is submitted."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from onesheet.errors import InputError


def named_launcher(overrides: Sequence[str]) -> str | None:
    """The launcher that a command line names; None where it names none."""
    named = [o.partition("=")[2].strip("'\"") for o in overrides if o.lstrip("+").startswith("hydra/launcher=")]
    return named[-1] if named else None


def uses_slurm(launcher: str | None) -> bool:
    """Whether a launcher submits to SLURM."""
    return launcher is not None and (launcher == "submitit_slurm" or launcher.split("_")[0] == "slurm")


def check_launcher(overrides: Sequence[str], *, multirun: bool) -> None:
    """Check, before anything is composed, that the launcher that was named can do its work here.

    Raises:
        InputError: It launches sweeps and this is none, or SLURM's programs are not there.
    """
    launcher = named_launcher(overrides)
    if launcher is None or launcher == "basic":
        return
    if not multirun:
        raise InputError(f"hydra/launcher={launcher}: a launcher runs the jobs of a sweep; add -m to the command line")
    if not uses_slurm(launcher):
        return
    for program in ("sbatch", "srun", "squeue"):
        if shutil.which(program) is None:
            raise InputError(
                f"hydra/launcher={launcher}: there is no {program} on this machine's PATH; submit from a machine of the"
                " cluster, or leave hydra/launcher out"
            )


def launcher_parameters(overrides: Sequence[str], config_folder: Path) -> dict[str, Any]:
    """``hydra.launcher`` of a sweep, whose own keys are those that are not swept."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    fixed = [o.input_line for o in parsed if not o.is_sweep_override() and o.input_line is not None]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder), version_base="1.3", job_name="train"):
        config = compose("train", overrides=fixed, return_hydra_config=True)
    found = OmegaConf.to_container(config.hydra.launcher, resolve=False)
    assert isinstance(found, dict)
    kept = {str(name): config.hydra.launcher[name] for name in found if name != "submitit_folder"}
    return {n: OmegaConf.to_container(v, resolve=True) if OmegaConf.is_config(v) else v for n, v in kept.items()}


def check_slurm(overrides: Sequence[str], jobs: Sequence[Mapping[str, Any]], config_folder: Path) -> None:
    """Check that SLURM would take a sweep's jobs, where they go there.

    Args:
        overrides: The command line's.
        jobs: The composed configuration of each job.
        config_folder: The folder of the configuration.

    Raises:
        InputError: A job does not fit what is asked for it, or SLURM refuses: then in its own words.
    """
    launcher = named_launcher(overrides)
    if not uses_slurm(launcher):
        return
    for job in jobs:
        devices = job["trainer"]["devices"]
        if not isinstance(devices, int):
            raise InputError(
                f"trainer.devices={devices}: with hydra/launcher={launcher} it is a whole number, so many tasks a node"
            )
    parameters = launcher_parameters(overrides, config_folder)
    for job in jobs:
        _check_shape(parameters, job["trainer"], str(launcher))
    from onesheet.slurm.submit import refusal

    if words := refusal(parameters):
        raise InputError(f"hydra/launcher={launcher}: SLURM refuses the job: {words}")


def _check_shape(parameters: Mapping[str, Any], trainer: Mapping[str, Any], launcher: str) -> None:
    """Check that a job's processes are those that SLURM will start.

    Raises:
        InputError: They are not.
    """
    devices, nodes = trainer["devices"], trainer["num_nodes"]
    if launcher == "slurm_nodes" and nodes == 1:
        raise InputError("trainer.num_nodes=1: hydra/launcher=slurm_nodes is for several; set trainer.num_nodes=2")
    if parameters["nodes"] != nodes:
        raise InputError(
            f"trainer.num_nodes={nodes}: hydra.launcher.nodes is {parameters['nodes']} for all jobs of the sweep; they"
            " must be the same"
        )
    tasks, gpus = parameters["tasks_per_node"], parameters.get("gpus_per_node")
    if tasks != devices and (tasks != 1 or nodes > 1):
        raise InputError(
            f"trainer.devices={devices}: hydra.launcher.tasks_per_node is {tasks} for all jobs of the sweep; they must"
            " be the same, one task a device"
        )
    if gpus is not None and gpus != devices:
        raise InputError(
            f"trainer.devices={devices}: hydra.launcher.gpus_per_node is {gpus} for all jobs of the sweep; they must be"
            " the same, one GPU a device"
        )
