"""Heads: from a backbone's features to an embedding.

A head is trained by gradients, solved in closed form, or both. Pooling of feature maps belongs in the parent folder.
"""

from keyart.utils.lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
