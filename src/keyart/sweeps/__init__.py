"""Sweeps: what became of each job, what the swept keys do, and which run is best; told from the folders alone."""
