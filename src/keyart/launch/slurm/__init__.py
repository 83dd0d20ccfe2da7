"""Jobs of SLURM: submitted with what it accepts, watched to their ends, requeued where they were cut short."""
