"""Tables to posters: reading and checking them, relevance of genre sets, splits, histories, downloading.

A catalogue knows file names, never pixels: what opens an image belongs in `keyart.images`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
