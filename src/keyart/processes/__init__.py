"""One training in several processes of this machine."""

from keyart.processes.together import ProcessFailed, run_processes
from keyart.processes.wanted import cluster_environment, processes_wanted

__all__ = ["ProcessFailed", "cluster_environment", "processes_wanted", "run_processes"]
