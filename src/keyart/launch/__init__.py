"""Several processes and several jobs: data parallelism, sweeps on this machine, SLURM.

Code that starts, watches and ends processes belongs here. What a job computes belongs in `keyart.training`.
"""
