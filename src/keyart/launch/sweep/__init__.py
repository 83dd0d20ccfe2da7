"""A sweep's jobs side by side on this machine, and the lock that keeps a sweep to one process."""
