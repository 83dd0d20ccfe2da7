"""SLURM jobs: checked before submission, submitted, watched until they end, and requeued after an interruption."""
