"""Download the posters that a table names, from a column of URLs or from TMDB, into one folder.

Requests, retries, address checks and the folder that takes the files. Decoding them belongs in `keyart.images`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
