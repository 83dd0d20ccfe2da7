"""Models from batches to vectors: backbones and their weights, pooling, heads, the Embedder, and its export.

A model is what is saved and shipped. Code that trains it belongs in `keyart.training`.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
