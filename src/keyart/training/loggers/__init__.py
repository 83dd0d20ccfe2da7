"""Loggers: CSV, Weights & Biases, and what a logger may do for a whole run."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
