"""Helpers without a subject of their own: atomic files, caches, checksums, paths, progress, network, statistics, text.

What knows a poster, a vector or a run belongs elsewhere. This room imports no other room.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
