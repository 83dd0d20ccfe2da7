"""Several processes and several jobs: data parallelism, sweeps on this machine, SLURM.

What starts, watches and ends processes. What a job computes belongs in `keyart.training`.
"""
