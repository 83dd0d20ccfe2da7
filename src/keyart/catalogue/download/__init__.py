"""Download of the posters that a table names, from a column of URLs or from TMDB, into one folder.

This package contains the requests, retries, address checks and the output folder. Decoding belongs in `keyart.images`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
