"""What was typed, checked before anything runs: composing every job of a command line, keys and values.

Imports neither torch nor timm, so that a wrong value is refused at once.
"""

from keyart.config.preflight import preflight
from keyart.config.rules import check_config

__all__ = ["check_config", "preflight"]
