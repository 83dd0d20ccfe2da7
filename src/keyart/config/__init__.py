"""Validation of a command line before anything runs: composition of every job, keys and values.

This package imports neither torch nor timm, so that a wrong value is rejected at once. Its functions
reject a value by an `InputError`, whose one line names the key, the value and the fix.
"""

from keyart.config.preflight import preflight
from keyart.config.rules import check_config

__all__ = ["check_config", "preflight"]
