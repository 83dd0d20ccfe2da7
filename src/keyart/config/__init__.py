"""The configuration's edge: composing every job of a command line and checking it before anything runs."""

from keyart.config.preflight import preflight
from keyart.config.rules import check_config

__all__ = ["check_config", "preflight"]
