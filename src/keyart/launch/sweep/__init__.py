"""Parallel jobs of a sweep on this machine, and the reports at its end."""
