"""Checks of a sweep's launcher before any job is submitted: required programs, and consistent settings."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from keyart.errors import InputError
from keyart.launch.slurm.job import uses_slurm


def named_launcher(overrides: Sequence[str]) -> str | None:
    """Return the launcher that a command line names; None if it names none."""
    named = [o.partition("=")[2].strip("'\"") for o in overrides if o.lstrip("+").startswith("hydra/launcher=")]
    return named[-1] if named else None


def check_no_launcher(overrides: Sequence[str]) -> None:
    """Reject a launcher in a command line for a single run."""
    launcher = named_launcher(overrides)
    if launcher not in (None, "basic"):
        raise InputError(f"hydra/launcher={launcher}: a launcher runs the jobs of a sweep; add -m to the command line")


def check_programs(launcher: str, target: str) -> None:
    """Check that the programs with which a launcher submits jobs exist on this machine."""
    for program in ("sbatch", "srun", "squeue") if uses_slurm(target) else ():
        if shutil.which(program) is None:
            raise InputError(
                f"hydra/launcher={launcher}: there is no {program} on this machine's PATH; submit from a machine of the"
                " cluster, or take hydra/launcher=local"
            )


def launcher_parameters(launcher: DictConfig) -> dict[str, Any]:
    """Return a sweep's resolved ``hydra.launcher``, without the folder that is named after each job."""
    kept = {str(name): launcher[name] for name in launcher if name != "submitit_folder"}
    return {n: OmegaConf.to_container(v, resolve=True) if OmegaConf.is_config(v) else v for n, v in kept.items()}


def check_slurm(launcher: str, own: DictConfig, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Check that SLURM accepts a sweep's jobs."""
    for job in jobs:
        devices = job["trainer"]["devices"]
        if not isinstance(devices, int):
            raise InputError(
                f"trainer.devices={devices}: with hydra/launcher={launcher} it must be a whole number:"
                f" the number of tasks per node"
            )
    parameters = launcher_parameters(own)
    for job in jobs:
        _check_shape(parameters, job["trainer"], launcher)
    from keyart.launch.slurm.submit import refusal

    if words := refusal(parameters):
        raise InputError(f"hydra/launcher={launcher}: SLURM refuses the job: {words}")


def _check_shape(parameters: Mapping[str, Any], trainer: Mapping[str, Any], launcher: str) -> None:
    """Check that a job's numbers of devices and nodes equal those of the SLURM tasks."""
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
