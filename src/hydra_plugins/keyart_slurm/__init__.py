"""Hydra's plugin for sweeps on SLURM."""
