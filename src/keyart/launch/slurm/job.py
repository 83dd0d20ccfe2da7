"""The job of SLURM that this process runs in."""

import os


def job_id() -> str | None:
    """The id of this process's job as ``scontrol`` takes it; None outside of SLURM."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def cores_of_task() -> int | None:
    """How many cores are this task's, as SLURM gave them out; None outside of SLURM, or where it does not say.

    SLURM need not hold a task to them: then each of a node's jobs sees all of its cores, and takes them.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return None
    if cores := os.environ.get("SLURM_CPUS_PER_TASK"):
        return int(cores)
    if cores := os.environ.get("SLURM_CPUS_ON_NODE"):
        return max(1, int(cores) // int(os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    return None


def uses_slurm(target: str) -> bool:
    """Whether a launcher, named by its class, submits to SLURM."""
    return "slurm" in target.lower()
