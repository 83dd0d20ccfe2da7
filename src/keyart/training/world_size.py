"""How many processes a training asks for, and whether this one is already one of them."""

import os
from collections.abc import Sequence

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from keyart.errors import InputError

#: Set in a process that `run_processes` started.
STARTED_HERE = "KEYART_PROCESS"


def among_several() -> bool:
    """Whether this process is one of several already: of torchrun's, of srun's, or of those started here."""
    if "LOCAL_RANK" in os.environ or TorchElasticEnvironment.detect():
        return True
    return "SLURM_NTASKS" in os.environ and SLURMEnvironment.detect() and int(os.environ["SLURM_NTASKS"]) > 1


def cluster_environment() -> ClusterEnvironment | None:
    """What tells Lightning its rank; None: it may find out by itself.

    In SLURM the run sees to signals itself (`keyart.training.interruption`), so Lightning's requeueing is off.
    """
    if STARTED_HERE in os.environ or "SLURM_NTASKS" not in os.environ:
        # Nobody asks whether srun is on the path: that it is there does not mean that it is meant.
        return None if TorchElasticEnvironment.detect() else LightningEnvironment()
    if TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return None
    return SLURMEnvironment(auto_requeue=False)


def processes_wanted(accelerator: str, devices: int | str | Sequence[int], num_nodes: int = 1) -> int:
    """How many processes a training needs to be started here; 1: it runs in this one.

    Args:
        accelerator: ``trainer.accelerator``.
        devices: ``trainer.devices``.
        num_nodes: ``trainer.num_nodes``.

    Raises:
        InputError: There are fewer devices, or other machines are needed.
    """
    if among_several():
        return 1
    if num_nodes > 1:
        raise InputError(
            f"trainer.num_nodes={num_nodes}: this is one machine; add -m hydra/launcher=slurm_nodes, or start it by"
            " torchrun on each"
        )
    gpus = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0
    if isinstance(devices, str):
        return max(gpus, 1)
    wanted = devices if isinstance(devices, int) else len(devices)
    if gpus and wanted > gpus:
        raise InputError(f"trainer.devices={wanted}: torch finds {gpus} GPUs here; take as many or fewer")
    return wanted
