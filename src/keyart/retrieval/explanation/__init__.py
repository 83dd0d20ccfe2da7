"""Explanation of a similarity: which regions of two posters contribute to it, and which kinds of cue."""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
