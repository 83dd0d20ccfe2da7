"""Tables of posters: reading, checking, genre relevance, splits, histories and downloading.

A catalogue contains file names, never pixels. Code that opens images belongs in `keyart.images`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
