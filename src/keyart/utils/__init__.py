"""General helpers: atomic files, caches, checksums, paths, progress bars, network checks, statistics and safe text.

Code about posters, vectors or runs belongs elsewhere. This package imports no other package of keyart, only
`keyart.errors`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
