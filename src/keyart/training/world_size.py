"""World size: how many processes a training run needs, and whether this process is already one of several."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keyart.errors import InputError

# torch and Lightning are imported where they are used: a process that starts others needs neither.
if TYPE_CHECKING:
    from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment

#: Set in a process that `run_processes` started.
STARTED_HERE = "KEYART_PROCESS"


def in_process_group() -> bool:
    """Return whether this process is already one of several, started by torchrun, by srun or by keyart."""
    if "LOCAL_RANK" in os.environ or "TORCHELASTIC_RUN_ID" in os.environ:
        return True
    if int(os.environ.get("SLURM_NTASKS", 1)) <= 1:
        return False
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    return SLURMEnvironment.detect()


def is_rank_zero() -> bool:
    """Return whether this process has rank 0 and so writes files and logs; valid before the trainer exists.

    The environment gives the rank, in the variables and the order in which Lightning reads it.
    """
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK")
    return int(next((os.environ[name] for name in names if name in os.environ), 0)) == 0


def cluster_environment() -> "ClusterEnvironment | None":
    """Return the cluster environment from which Lightning reads its rank; None: Lightning detects it itself.

    In SLURM, keyart handles signals itself (`keyart.training.interruption`), so Lightning's requeueing is off.
    """
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
    from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    if STARTED_HERE in os.environ or "SLURM_NTASKS" not in os.environ:
        # LightningEnvironment prevents Lightning from detecting SLURM by srun on the path, which this run may not use.
        return None if TorchElasticEnvironment.detect() else LightningEnvironment()
    if TorchElasticEnvironment.detect() or not SLURMEnvironment.detect():
        return None
    return SLURMEnvironment(auto_requeue=False)


def num_processes_to_start(accelerator: str, devices: int | str | Sequence[int], num_nodes: int = 1) -> int:
    """Return the number of processes to start on this machine; 1: train in this process."""
    if in_process_group():
        return 1
    if num_nodes > 1:
        raise InputError(
            f"trainer.num_nodes={num_nodes}: this is one machine; add -m hydra/launcher=slurm_nodes, or start it by"
            " torchrun on each"
        )
    gpus = 0
    if accelerator in ("auto", "gpu", "cuda"):
        import torch

        gpus = torch.cuda.device_count()
    if isinstance(devices, str):
        return max(gpus, 1)
    requested = devices if isinstance(devices, int) else len(devices)
    if gpus and requested > gpus:
        raise InputError(f"trainer.devices={requested}: torch finds {gpus} GPUs here; take as many or fewer")
    return requested
