"""Sweeps read from their folders: jobs, swept keys, and the jobs' validation metrics.

Code that starts jobs belongs in `keyart.launch`, code that draws charts in `keyart.reports`.
"""
