"""The SLURM job of this process."""

import os


def job_id() -> str | None:
    """Return the id of this process's job, as ``scontrol`` expects it; None outside of SLURM."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def cores_of_task() -> int | None:
    """Return the number of cores that SLURM assigned to this task; None outside of SLURM, or if it is unknown.

    SLURM may not enforce the assignment: then each job sees all cores of its node, and would use them.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return None
    if cores := os.environ.get("SLURM_CPUS_PER_TASK"):
        return int(cores)
    if cores := os.environ.get("SLURM_CPUS_ON_NODE"):
        return max(1, int(cores) // int(os.environ.get("SLURM_NTASKS_PER_NODE", "1")))
    return None


def uses_slurm(target: str) -> bool:
    """Return whether a launcher, named by its class, submits to SLURM."""
    return "slurm" in target.lower()
